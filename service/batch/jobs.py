"""The batch path as an operator sees it: what waits, runs, is done or failed, and whether anything is missing.

It goes by the keys of the results, never by what is in a recording or a transcript. Only what asks for names prints any.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from service.batch import events
from service.batch.events import Delivery, ReceiptGone, UnknownMessage, Upload
from service.batch.results import Places
from service.settings import Settings

# What a recording's version is, the most certain first.
STATES = ("done", "failed", "running")
MISSING = "unaccounted"
# How many versions are compared with one walk over the keys of their results.
PAGE = 1000
LANES = 8

Facts = dict[str, Any]


class Messages(Protocol):
    """What the job view needs of a queue; each method may raise `RetryLater`."""

    def counts(self) -> tuple[int, int]:
        """How many messages wait and how many are in flight."""

    def send(self, body: str) -> None:
        """Put a message on it."""

    def receive(self, *, wait_seconds: int) -> Delivery | None:
        """Wait for one message."""

    def delete(self, delivery: Delivery) -> None:
        """Delete a message. May raise `ReceiptGone`."""


class Recordings(Protocol):
    """What the job view needs of the bucket that recordings arrive in; it may raise `RetryLater`."""

    def versions(self, prefix: str) -> Iterator[Upload]:
        """Every version of the recordings whose keys begin so, in the order of their keys."""


class Results(Protocol):
    """What the job view needs of the bucket that transcripts leave from; each method may raise `RetryLater`."""

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The keys that begin so and come after one, in their order, each with the time it was written at."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and its entity tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """The recordings whose keys begin with `prefix`, and the queues, which hold those of all."""

    queue: Messages
    dead_letters: Messages
    recordings: Recordings
    transcripts: Results
    settings: Settings
    prefix: str = ""

    def overview(self) -> Facts:
        """How many there are of each; `stale` of those running were not heard of for as long as a message is kept."""
        waiting, in_flight = self.queue.counts()
        facts = {"waiting": waiting, "in flight": in_flight, "dead letters": sum(self.dead_letters.counts())}
        running = [self._stale(modified) for _, modified in self._results("running")]
        counts = {state: sum(1 for _ in self._results(state)) for state in ("done", "failed")}
        return facts | {"running": len(running), "stale": sum(running)} | counts

    def listed(self, state: str) -> Iterator[Facts]:
        """Each version that is in a state, by its recording's name, with what there is to say about it."""
        for key, modified in self._results(state):
            name, _, version = key.partition("/")[2].removesuffix(".json").rpartition("/")
            facts = {"state": state, "recording": name, "version": version}
            if state == "done":
                yield facts | {"at": modified.isoformat()}
            # None where it is gone by now: a running one was done meanwhile.
            elif found := self.transcripts.read(key):
                yield facts | _details(json.loads(found[0])) | ({"stale": True} if self._stale(modified) else {})

    def redrive(self) -> Facts:
        """Move the dead letters back to the queue; what no worker can read is left."""
        left: set[str] = set()
        with ThreadPoolExecutor(LANES) as pool:
            moved = sum(pool.map(lambda _: self._redrive(left), range(LANES)))
        return {"moved": moved, "left": len(left)}

    def reconcile(self, *, announce: bool = False) -> Iterator[Facts]:
        """Each version that is unaccounted for, and last how many there are of each state.

        While messages wait or are in flight, these may be theirs; only when there are none is anything announced again.
        """
        unfinished = sum(self.queue.counts())
        tally = Counter(dict.fromkeys((*STATES, MISSING, "announced"), 0))
        versions = self.recordings.versions(self.prefix)
        while page := list(islice(versions, PAGE)):
            for upload, state in self._states(page):
                tally[state] += 1
                if state == MISSING:
                    if announce and not unfinished:
                        self.queue.send(events.announcement(upload))
                        tally["announced"] += 1
                    yield {"state": state, "recording": upload.key, "version": upload.version, "at": upload.time}
        # Counted again: what arrived meanwhile is not lost.
        if not tally["announced"]:
            unfinished = max(unfinished, sum(self.queue.counts()))
        yield {**tally, "waiting or in flight": unfinished}

    def _redrive(self, left: set[str]) -> int:
        moved = 0
        while delivery := self.dead_letters.receive(wait_seconds=1):
            if delivery.identity in left:
                break
            try:
                events.uploads(delivery.body, bucket=self.settings.recordings_bucket)
            except UnknownMessage:
                left.add(delivery.identity)
                continue
            # In this order: a message that is on both queues is transcribed once all the same.
            self.queue.send(delivery.body)
            with suppress(ReceiptGone):
                self.dead_letters.delete(delivery)
            moved += 1
        return moved

    def _states(self, page: Sequence[Upload]) -> Iterator[tuple[Upload, str]]:
        """What each upload is; its results may be named by its version or, where the event named none, by its tag."""
        found = {state: self._found(state, page) for state in STATES}
        for upload in page:
            yield upload, next((state for state in STATES if found[state] & _places(state, upload)), MISSING)

    def _found(self, state: str, page: Sequence[Upload]) -> set[str]:
        """Which of the keys that the results of these uploads would have are there."""
        wanted = set[str]().union(*(_places(state, upload) for upload in page))
        found, last = set[str](), max(wanted)
        for key, modified in self.transcripts.keys("", after=min(wanted)[:-1]):
            if key > last:
                break
            if key in wanted and not (state == "running" and self._stale(modified)):
                found.add(key)
        return found

    def _results(self, state: str) -> Iterator[tuple[str, datetime]]:
        for key, modified in self.transcripts.keys(f"{'transcripts' if state == 'done' else state}/{self.prefix}"):
            if key.endswith(".json") and not (state == "done" and key.endswith("/latest.json")):
                yield key, modified

    def _stale(self, modified: datetime) -> bool:
        return datetime.now(UTC) - modified > timedelta(seconds=self.settings.visibility_timeout_seconds)


def run(jobs: Jobs, *, action: str, show: Sequence[str], names: bool, announce: bool, as_json: bool) -> int:
    """Do what was asked for and print it; 1 where something is unaccounted for or left, though nothing is under way."""
    if action == "redrive":
        facts = jobs.redrive()
        _print(facts, as_json=as_json)
        return 1 if facts["left"] else 0
    if action == "reconcile":
        for facts in jobs.reconcile(announce=announce):
            if names or "state" not in facts:
                _print(facts, as_json=as_json)
        return 1 if facts[MISSING] and not facts["waiting or in flight"] else 0
    for facts in (facts for state in show for facts in jobs.listed(state)) if show else [jobs.overview()]:
        _print(facts, as_json=as_json)
    return 0


def _places(state: str, upload: Upload) -> set[str]:
    both = (Places(upload), Places(replace(upload, version_id="")))
    return {{"done": one.transcript, "failed": one.failure, "running": one.running}[state] for one in both}


def _details(document: Facts) -> Facts:
    if error := document.get("error"):
        return {"at": document["at"], "code": error["code"], "reason": error["message"], "expected": error["expected"]}
    return {name: document[name] for name in ("started", "at", "worker", "attempt", "share")}


def _print(facts: Facts, *, as_json: bool) -> None:
    if as_json:
        line = json.dumps(facts, ensure_ascii=False)
    elif "state" in facts:
        # A key may hold what makes a terminal do things.
        line = "  ".join(str(value) if str(value).isprintable() else ascii(value) for value in facts.values())
    else:
        line = "\n".join(f"{name:<20} {value:>8}" for name, value in facts.items())
    print(line, flush=True)  # noqa: T201 - a person asked
