"""What the `jobs` verb prints: each row is one JSON object, or one piece of text for a person."""

import json
from dataclasses import dataclass, fields

from service.batch.results import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Named values, in the order of their fields."""

    def to_dict(self) -> dict[str, object]:
        """The values by the names that are printed; optional ones that are unset are left out."""
        values = {field.name.replace("_", " "): getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def to_text(self) -> str:
        """A line for each count."""
        return "\n".join(f"{name:<20} {value:>8}" for name, value in self.to_dict().items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(Row):
    """How many messages and results there are; `stale` are those of `running` that their workers no longer update."""

    waiting: int
    in_flight: int
    dead_letters: int
    running: int
    stale: int
    done: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven(Row):
    """How many dead letters were moved back to the queue, and how many no worker can read."""

    moved: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally(Row):
    """How many versions are in each state, how many were announced again, and how many messages are unfinished."""

    done: int
    failed: int
    running: int
    unaccounted: int
    announced: int
    waiting_or_in_flight: int

    @property
    def lost(self) -> bool:
        """Whether versions are unaccounted for though no message can be theirs."""
        return bool(self.unaccounted and not self.waiting_or_in_flight)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow(Row):
    """One version of a recording, by its recording's key."""

    state: State
    recording: str
    version: str

    def to_text(self) -> str:
        """The values on one line, without the control characters that a key may hold."""
        values = (str(value) for value in self.to_dict().values())
        return "  ".join(value if value.isprintable() else ascii(value) for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedVersion(VersionRow):
    """A transcribed version with the time of its transcript, or one that is unaccounted for with that of its upload."""

    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedVersion(VersionRow):
    """A version that has no transcript, and why."""

    at: str
    code: str
    reason: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningVersion(VersionRow):
    """A version in work: by which worker, at which attempt, since when, and the share done by `at`."""

    started: str
    at: str
    worker: str
    attempt: int
    share: float
    stale: bool | None = None
