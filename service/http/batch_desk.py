"""The batch: the states of all recordings in the bucket, how much is left, and when it will end.

It lists keys, reads the documents that say why a version failed or how far a worker is, and reads a sample of the transcripts
for their lengths and costs. Listing is slow and costs money, so that one answer serves all callers for a minute, and each list
has a limit. All that is estimated says so by its name.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from service.access import Caller, Scope
from service.result_keys import State
from service.result_lists import ResultLists, recording_and_version
from service.settings import Settings

PATH = "/batch"
FRESH_SECONDS = 60.0
# 20,000 recordings a week have about 80,000 keys below `transcripts/`: the document, two renderings, the newest one's name.
MAX_KEYS = 100_000
MAX_SHOWN = 50
# Of the transcripts that are read for an answer, and of those that are remembered.
SAMPLE, REMEMBERED = 25, 1000
RECENTLY = timedelta(hours=1)
# A rate over a shorter time than this would be chance.
SHORTEST = timedelta(minutes=5)

Document = dict[str, Any]


class Counted(Protocol):
    """A queue; each method may raise `RetryLater`."""

    def counts(self) -> tuple[int, int]:
        """How many messages wait and how many are in flight."""

    def dead_letters(self) -> "Counted":
        """The queue of the messages that were received too often."""


class Results(Protocol):
    """The transcripts bucket; each method may raise `RetryLater`."""

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The keys that start with `prefix` and sort after `after`, in order, each with its time of writing."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and its entity tag; None if there is no such object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """Of one transcript: the length of its call in seconds, and the price of the time that it took."""

    audio: float
    dollars: float


@dataclass(slots=True, kw_only=True)
class _Limited:
    """The bucket's keys, `most` of each list at most."""

    results: Results
    most: int
    cut: bool = False

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """As the bucket lists them."""
        for number, entry in enumerate(self.results.keys(prefix, after=after)):
            if number == self.most:
                self.cut = True
                return
            yield entry


@dataclass(kw_only=True)
class BatchDesk:
    """Tells the state of the batch. `look` blocks."""

    queue: Counted
    transcripts: Results
    settings: Settings
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: dict[str, _Measured] = field(default_factory=dict)
    _reasons: dict[str, Document] = field(default_factory=dict)
    _answer: Document = field(default_factory=dict)
    _until: float = 0.0

    def look(self, caller: Caller) -> Document:
        """The state of the batch, about a minute old at most; names of recordings only for whom they are."""
        # While one caller's thread reads it again, the others get the answer before.
        if self.clock() >= self._until and self._lock.acquire(blocking=not self._answer):
            try:
                if self.clock() >= self._until:
                    self._answer = self._state(datetime.now(UTC))
                    self._until = self.clock() + FRESH_SECONDS
            finally:
                self._lock.release()
        answer = self._answer
        lists = {name: [_told(entry, caller) for entry in answer[name]] for name in ("running_now", "failures")}
        return answer | lists

    def _state(self, now: datetime) -> Document:
        index = _Limited(results=self.transcripts, most=MAX_KEYS)
        lists = ResultLists(
            transcripts=index,
            stale_after_seconds=self.settings.visibility_timeout_seconds,
            canary_folder=self.settings.canary_folder,
        )
        ended = {state: list(lists.keys(state)) for state in (State.DONE, State.PARTIAL, State.UNHEARD, State.FAILED)}
        running = list(lists.keys(State.RUNNING))
        stale = {key for key, modified in running if lists.stale(modified)}
        runs = list(self._runs(running, stale))
        waiting, in_flight = self.queue.counts()
        self._sample([key for key, _ in ended[State.DONE]])
        facts: Document = {
            "object": "batch",
            "at": _iso(now),
            "waiting": waiting,
            "in_flight": in_flight,
            "dead_letters": sum(self.queue.dead_letters().counts()),
            "running": len(running),
            "stale": len(stale),
            **{str(state): len(found) for state, found in ended.items()},
            "complete": not index.cut,
            "sampled": len(self._known),
        }
        times = [modified for found in ended.values() for _, modified in found]
        left = max(0.0, waiting + in_flight - sum(run["share"] for run in runs if not run["stale"]))
        facts |= self._estimates(ended, left, runs) | _pace(times, left, now, known=not index.cut)
        failures = sorted(ended[State.FAILED], key=lambda entry: entry[1], reverse=True)[:MAX_SHOWN]
        return facts | {"running_now": runs[:MAX_SHOWN], "failures": list(self._failures(failures))}

    def _estimates(
        self, ended: dict[State, list[tuple[str, datetime]]], left: float, runs: Sequence[Document]
    ) -> Document:
        """Audio and dollars by the mean of the sample; none without one."""
        facts: Document = {}
        if self._known:
            measured = self._known.values()
            audio, dollars = (sum(m.audio for m in measured), sum(m.dollars for m in measured))
            transcribed = sum(len(ended[state]) for state in (State.DONE, State.PARTIAL, State.UNHEARD))
            facts["estimated_backlog_seconds"] = round(left * audio / len(measured))
            facts["estimated_cost_dollars"] = round(transcribed * dollars / len(measured), 4)
        arrivals = [run["arrived"] for run in runs if run["arrived"]]
        if arrivals and (hours := self.settings.batch_window_hours):
            # The queue hands messages out about in the order of their arrival.
            oldest = min(map(datetime.fromisoformat, arrivals))
            facts["due"] = _iso(oldest + timedelta(hours=hours))
        return facts

    def _runs(self, running: Sequence[tuple[str, datetime]], stale: set[str]) -> Iterator[Document]:
        for key, _ in running:
            if document := self._read(key):
                yield {
                    "recording": recording_and_version(key)[0],
                    "arrived": document["recording"]["time"],
                    "started": document["started"],
                    "attempt": document["attempt"],
                    "share": document["share"],
                    "stale": key in stale,
                }

    def _failures(self, failed: Sequence[tuple[str, datetime]]) -> Iterator[Document]:
        for key, _ in failed:
            if key not in self._reasons and (document := self._read(key)):
                error = document["error"]
                told = {name: error[name] for name in ("code", "message", "expected")}
                self._reasons[key] = {"recording": recording_and_version(key)[0], "at": document["at"], **told}
            if key in self._reasons:
                yield self._reasons[key]
        self._reasons = {key: self._reasons[key] for key, _ in failed if key in self._reasons}

    def _sample(self, done: Sequence[str]) -> None:
        """Read some more transcripts, spread over all that are listed; those that are gone are forgotten."""
        there = set(done)
        kept = [(key, measured) for key, measured in self._known.items() if key in there]
        self._known = dict(kept[-(REMEMBERED - SAMPLE) :])
        unknown = [key for key in done if key not in self._known]
        step = max(1, len(unknown) // SAMPLE)
        for key in islice(unknown, 0, None, step) if len(kept) < REMEMBERED else ():
            if len(self._known) >= len(kept) + SAMPLE:
                return
            if document := self._read(key):
                dollars = document["provenance"]["cost_dollars"]
                self._known[key] = _Measured(audio=document["transcript"]["duration"], dollars=dollars)

    def _read(self, key: str) -> Document | None:
        found = self.transcripts.read(key)
        document: Document | None = json.loads(found[0]) if found else None
        return document


def _pace(times: Sequence[datetime], left: float, now: datetime, *, known: bool) -> Document:
    """The results of the last hour and, if it goes on like that, the end; not `known` if a list was cut."""
    if not known:
        return {}
    recent = [at for at in times if now - at <= RECENTLY]
    facts: Document = {"ended_in_last_hour": len(recent)}
    if recent and left:
        # A batch that has just begun has no full hour behind it.
        span = max(SHORTEST, now - min(recent))
        facts["estimated_finish"] = _iso(now + span / len(recent) * left)
    return facts


def _told(entry: Document, caller: Caller) -> Document:
    """A recording's facts without its name, unless the caller may read its job: a key may hold a caller's number."""
    if Scope.JOBS in caller.scopes and caller.reaches(entry["recording"]):
        return entry
    return {name: value for name, value in entry.items() if name != "recording"}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
