"""What the `jobs` verb prints: each row is one JSON object, or cells of text for a person."""

import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(Row):
    """How many messages and results there are; `stale` are those of `running` that their workers no longer update."""

    waiting: int
    in_flight: int
    dead_letters: int
    running: int
    stale: int
    done: int
    partial: int
    unheard: int
    failed: int
    ignored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven(Row):
    """How many dead letters were moved back to the queue, and how many are left: unreadable ones and hidden ones.

    Attributes:
        unreadable: messages that no worker understands.
        hidden: messages that another receiver holds, by SQS's estimate.
    """

    moved: int
    left: int
    unreadable: int
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally(Row):
    """How many versions are in each state, how many were announced again, and how many messages are unfinished."""

    done: int
    partial: int
    unheard: int
    failed: int
    running: int
    ignored: int
    unaccounted: int
    announced: int
    waiting_or_in_flight: int

    @property
    def lost(self) -> bool:
        """Whether versions are unaccounted for though no message can be theirs."""
        return bool(self.unaccounted and not self.waiting_or_in_flight)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow(Row):
    """One version of a recording, by its recording's key; `at` is the time of its state, ISO 8601."""

    state: State
    recording: str
    version: str
    at: str

    def cells(self, now: datetime) -> dict[str, str]:
        """The values under their headings, without the control characters that a key may hold.

        Args:
            now: from which ages are counted.
        """
        cells = {**self._facts(now), "version": self.version, "recording": self.recording}
        return {heading: text if text.isprintable() else ascii(text) for heading, text in cells.items()}

    def _facts(self, now: datetime) -> dict[str, str]:
        event = "uploaded" if self.state in (State.IGNORED, State.UNACCOUNTED) else "transcribed"
        return {f"{event} (UTC)": moment(self.at), "age": age(self.at, now)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedVersion(VersionRow):
    """A transcribed version, or one that has no result, which is dated by its upload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncompleteVersion(VersionRow):
    """A version whose transcript lacks something, in seconds: audio that is missing, and speech that gave no words."""

    duration: float
    missing_seconds: float
    unheard_seconds: float

    def _facts(self, now: datetime) -> dict[str, str]:
        return {
            "transcribed (UTC)": moment(self.at),
            "age": age(self.at, now),
            "call": f"{self.duration:.1f} s",
            "missing": f"{self.missing_seconds:.1f} s",
            "unheard": f"{self.unheard_seconds:.1f} s",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedVersion(VersionRow):
    """A version that has no transcript, and why."""

    code: str
    reason: str
    expected: str

    def _facts(self, now: datetime) -> dict[str, str]:
        return {
            "failed (UTC)": moment(self.at),
            "age": age(self.at, now),
            "code": self.code,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningVersion(VersionRow):
    """A version in work: by which worker, at which attempt, since when, and the share done by `at`.

    With an error, that attempt has ended, and the version waits for the next one.
    """

    started: str
    worker: str
    attempt: int
    share: float
    stale: bool | None = None
    error: str | None = None

    def _facts(self, now: datetime) -> dict[str, str]:
        return {
            "started (UTC)": moment(self.started),
            "age": age(self.started, now),
            "done": f"{self.share:.0%}",
            "updated": ", ".join(
                filter(None, (f"{age(self.at, now)} ago", "stale" if self.stale else None, self.error))
            ),
            "attempt": str(self.attempt),
            "worker": self.worker,
        }


def moment(iso: str) -> str:
    """A time of ISO 8601 as people read it, in UTC.

    >>> moment("2026-01-31T13:05:09.250+01:00")
    '2026-01-31 12:05:09'
    """
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def age(iso: str, now: datetime) -> str:
    """The time from `iso` to `now`, in the unit in which people would say it.

    >>> age("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, 3, 20, tzinfo=UTC))
    '3 min'
    """
    seconds = max(0, int((now - datetime.fromisoformat(iso)).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 172_800 else f"{seconds // 86_400} d"
