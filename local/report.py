from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Report:
    """Promises, and whether each was kept."""

    lines: list[tuple[str, str, bool]] = field(default_factory=list)

    def check(self, promise: str, found: object, *, kept: bool) -> None:
        """Record what was found about a promise."""
        self.lines.append((promise, str(found), kept))

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return all(kept for _, _, kept in self.lines)

    def print(self) -> None:
        """Print the table."""
        for promise, found, kept in self.lines:
            print(f"  {'ok    ' if kept else 'BROKEN'}  {promise:<58} {found}")
