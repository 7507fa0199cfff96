"""Findings held against the exceptions: what is unexpected, and what is no longer needed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.policy.findings import Finding, Pack

EVERYWHERE = ("dev", "stage", "prod", "local")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Resources on which a control's finding is accepted.

    Attributes:
        packs: that report it.
        resources: paths of constructs within an environment; `*` stands for any part.
        environments: in which it is found.
        reason: why it stays.
    """

    packs: tuple[Pack, ...]
    resources: tuple[str, ...]
    environments: tuple[str, ...] = EVERYWHERE
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Every finding with whether it was expected, and the exceptions that nothing needs."""

    excepted: tuple[Finding, ...]
    unexpected: tuple[Finding, ...]
    unneeded: tuple[str, ...]

    def table(self, packs: Sequence[Pack], environments: Sequence[str]) -> str:
        """Packs in rows, environments in columns: findings, of them excepted, of them unexpected."""
        header = ("", *environments)
        rows = [header, ("", *("found excepted unexpected" for _ in environments))]
        for pack in packs:
            cells = []
            for environment in environments:
                excepted, unexpected = (
                    sum((finding.pack, finding.environment) == (pack, environment) for finding in findings)
                    for findings in (self.excepted, self.unexpected)
                )
                cells.append(f"{excepted + unexpected:5} {excepted:8} {unexpected:10}")
            rows.append((pack, *cells))
        return "".join(f"{name:<16}" + "".join(f"{cell:>29}" for cell in cells) + "\n" for name, *cells in rows)


def judge(findings: Iterable[Finding], accepted: Mapping[str, Sequence[Accepted]]) -> Verdict:
    """Each finding needs an acknowledgement or an exception; each exception needs a finding in every place it names."""
    needed: set[tuple[str, Pack, str, str]] = set()
    excepted: list[Finding] = []
    unexpected: list[Finding] = []
    for finding in findings:
        places = [
            (finding.control, pack, pattern, environment)
            for entry in accepted.get(finding.control, ())
            for pack, pattern, environment in _places(entry)
            if (pack, environment) == (finding.pack, finding.environment) and fnmatchcase(finding.resource, pattern)
        ]
        needed.update(places)
        (excepted if finding.acknowledged or places else unexpected).append(finding)
    named = {(control, *place) for control, entries in accepted.items() for e in entries for place in _places(e)}
    return Verdict(
        excepted=tuple(excepted),
        unexpected=tuple(unexpected),
        unneeded=tuple(" ".join(place) for place in sorted(named - needed)),
    )


def _places(entry: Accepted) -> list[tuple[Pack, str, str]]:
    return [(p, resource, where) for p in entry.packs for resource in entry.resources for where in entry.environments]
