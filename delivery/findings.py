"""The findings of checks, for people and for programs."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError


class State(StrEnum):
    """The answer of a check."""

    OK = "ok"
    MISSING = "missing"  # a person must act before a first deploy
    LATER = "later"  # the first deploy does it
    UNKNOWN = "unknown"  # could not be checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One answer of a check.

    Attributes:
        check: its subject, such as `quotas`.
        state: the answer.
        says: the answer in one line; if something is missing, with the remedy.
    """

    check: str
    state: State
    says: str


def ready(findings: Iterable[Finding]) -> bool:
    """Whether a first deploy may begin."""
    return all(finding.state is not State.MISSING for finding in findings)


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """The findings for a person, one line each."""
    for finding in findings:
        yield f"{finding.state:<8} {finding.check:<12} {finding.says}"


def as_json(found: Mapping[str, Sequence[Finding]]) -> str:
    """The findings of each environment for a program, as one JSON object by name."""
    plain = {
        name: {"ready": ready(findings), "findings": [asdict(finding) for finding in findings]}
        for name, findings in found.items()
    }
    return json.dumps(plain, indent=2, ensure_ascii=False)


def answered(check: str, ask: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """The findings of a check that asks AWS; a single unknown one if AWS does not answer it."""
    try:
        return list(ask())
    except (ClientError, BotoCoreError) as error:
        return [Finding(check=check, state=State.UNKNOWN, says=f"could not be checked ({error})")]
