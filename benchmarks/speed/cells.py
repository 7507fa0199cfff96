"""The results of a run: one cell for each pass of an engine over some calls, kept in a JSON file as soon as it is done."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One pass. `failure` says why there is no result."""

    section: str
    contestant: str
    level: str = ""
    round: int = 0
    mixed: bool = False
    calls: tuple[str, ...] = ()
    call_seconds: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    failure: str = ""
    found: list[dict[str, Any]] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Its identity among the cells of a run."""
        return (self.section, self.contestant, self.level, self.round)

    @property
    def speed(self) -> float:
        """Call seconds per wall second."""
        return self.call_seconds / self.seconds


@dataclass(kw_only=True)
class Results:
    """The cells of a run, and the facts of the machine. Without a file nothing is kept."""

    facts: dict[str, Any]
    file: Path | None = None
    cells: list[Cell] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The results in a file."""
        plain = json.loads(file.read_text("utf-8"))
        cells = [Cell(**cell | {"calls": tuple(cell["calls"])}) for cell in plain["cells"]]
        return cls(facts=plain["facts"], file=file, cells=cells)

    def add(self, cell: Cell) -> None:
        """Add a cell and keep it."""
        self.cells.append(cell)
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            plain = {"facts": self.facts, "cells": [asdict(cell) for cell in self.cells]}
            fresh = self.file.with_suffix(".new")
            fresh.write_text(json.dumps(plain, ensure_ascii=False), "utf-8")
            fresh.replace(self.file)

    def of(self, section: str, contestant: str, level: str = "") -> list[Cell]:
        """The passes of an engine in a section, without those that failed."""
        wanted = (section, contestant, level)
        return [cell for cell in self.cells if cell.key[:3] == wanted and not cell.failure]

    def rows(self, section: str) -> Iterator[tuple[str, str]]:
        """The engines of a section with their levels, in the order of their first cells."""
        yield from dict.fromkeys((cell.contestant, cell.level) for cell in self.cells if cell.section == section)

    def speed(self, section: str, contestant: str, level: str = "") -> float | None:
        """The median of an engine's speeds; None without any pass."""
        return middle(cell.speed for cell in self.of(section, contestant, level))


def middle(values: Iterable[float]) -> float | None:
    """The median; None for no values.

    >>> middle([3, 1, 2]), middle([])
    (2, None)
    """
    found = list(values)
    return median(found) if found else None
