"""Compares findings with exceptions: unexpected findings, and exceptions that are no longer needed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

from stacks.environments import Environment
from tests.policy.findings import Finding, Pack

# Whether an environment has a finding: a property of its values, never its name.
Condition = Callable[[Environment], bool]


def everywhere(_: Environment) -> bool:
    """In every environment, whatever it chooses."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Resources on which a control's finding is accepted.

    Attributes:
        packs: packs that report the finding.
        resources: paths of constructs within an environment; `*` matches any text.
        environments: which environments have the finding.
        reason: why the finding is accepted.
    """

    packs: tuple[Pack, ...]
    resources: tuple[str, ...]
    environments: Condition = everywhere
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Findings with and without an exception, and exceptions without a finding."""

    excepted: tuple[Finding, ...]
    unexpected: tuple[Finding, ...]
    unneeded: tuple[str, ...]

    def table(self, packs: Sequence[Pack], environments: Sequence[str]) -> str:
        """Counts of findings, excepted and unexpected ones, by pack (rows) and environment (columns)."""
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


def judge(
    findings: Iterable[Finding], accepted: Mapping[str, Sequence[Accepted]], environments: Iterable[Environment]
) -> Verdict:
    """Match findings and exceptions: an exception needs a finding for every pack, resource and environment in it."""
    known = tuple(environments)
    needed: set[tuple[str, Pack, str, str]] = set()
    excepted: list[Finding] = []
    unexpected: list[Finding] = []
    for finding in findings:
        matches = [
            (finding.control, pack, pattern, environment)
            for entry in accepted.get(finding.control, ())
            for pack, pattern, environment in _scopes(entry, known)
            if (pack, environment) == (finding.pack, finding.environment) and fnmatchcase(finding.resource, pattern)
        ]
        needed.update(matches)
        (excepted if finding.acknowledged or matches else unexpected).append(finding)
    named = {(control, *scope) for control, entries in accepted.items() for e in entries for scope in _scopes(e, known)}
    return Verdict(
        excepted=tuple(excepted),
        unexpected=tuple(unexpected),
        unneeded=tuple(" ".join(scope) for scope in sorted(named - needed)),
    )


def _scopes(entry: Accepted, known: Iterable[Environment]) -> list[tuple[Pack, str, str]]:
    names = [environment.name for environment in known if entry.environments(environment)]
    return list(product(entry.packs, entry.resources, names))
