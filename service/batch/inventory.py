"""How many recordings wait, run, are done or failed, and a list of those in one state.

It reads the keys of results, and the documents of incomplete, failed and running ones; never a recording or a transcript.
Only if the settings have a key filter, it lists the recordings bucket, too.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Any

from service.batch.events import Upload
from service.batch.ports import OperatedQueue, RecordingIndex, ResultIndex
from service.batch.results import FOLDERS, INCOMPLETE, State
from service.batch.rows import (
    DatedVersion,
    FailedVersion,
    IncompleteVersion,
    Overview,
    RunningVersion,
    VersionRow,
)
from service.key_filter import KeyFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The results of the recordings whose keys start with `prefix`, and the objects beside them that are no recordings."""

    recordings: RecordingIndex
    key_filter: KeyFilter
    transcripts: ResultIndex
    stale_after_seconds: int
    canary_folder: str
    prefix: str = ""

    def overview(self, *, queue: OperatedQueue, dead_letters: OperatedQueue) -> Overview:
        """Counts of the results, and of all messages on the queues."""
        waiting, in_flight = queue.counts()
        running = [self.stale(modified) for _, modified in self._keys(State.RUNNING)]
        return Overview(
            waiting=waiting,
            in_flight=in_flight,
            dead_letters=sum(dead_letters.counts()),
            running=len(running),
            stale=sum(running),
            done=sum(1 for _ in self._keys(State.DONE)),
            partial=sum(1 for _ in self._keys(State.PARTIAL)),
            unheard=sum(1 for _ in self._keys(State.UNHEARD)),
            failed=sum(1 for _ in self._keys(State.FAILED)),
            ignored=sum(1 for _ in self._ignored()),
        )

    def listed(self, state: State) -> Iterator[VersionRow]:
        """Each version in a state."""
        if state == State.IGNORED:
            for upload in self._ignored():
                yield DatedVersion(state=state, recording=upload.key, version=upload.version, at=upload.time)
            return
        for key, modified in self._keys(state):
            name, _, version = _result(key).removesuffix(".json").rpartition("/")
            if state == State.DONE:
                yield DatedVersion(state=state, recording=name, version=version, at=modified.isoformat())
            # A running document is gone if its recording was done since the keys were listed.
            elif found := self.transcripts.read(key):
                yield self._detailed(json.loads(found[0]), state, recording=name, version=version, modified=modified)

    def includes(self, recording: str) -> bool:
        """Whether a recording counts: a golden call only if its folder was asked for."""
        return self.prefix.startswith(self.canary_folder) or not recording.startswith(self.canary_folder)

    def stale(self, modified: datetime) -> bool:
        """Whether a running document is so old that its worker must have lost the message."""
        return datetime.now(UTC) - modified > timedelta(seconds=self.stale_after_seconds)

    def _detailed(
        self, document: dict[str, Any], state: State, *, recording: str, version: str, modified: datetime
    ) -> VersionRow:
        if state in INCOMPLETE:
            return IncompleteVersion(
                state=state,
                recording=recording,
                version=version,
                at=document["at"],
                duration=document["duration"],
                missing_seconds=document["missing_seconds"],
                unheard_seconds=document["unheard_seconds"],
            )
        if state == State.FAILED:
            error = document["error"]
            return FailedVersion(
                state=state,
                recording=recording,
                version=version,
                at=document["at"],
                code=error["code"],
                reason=error["message"],
                expected=error["expected"],
            )
        return RunningVersion(
            state=state,
            recording=recording,
            version=version,
            started=document["started"],
            at=document["at"],
            worker=document["worker"],
            attempt=document["attempt"],
            share=document["share"],
            stale=self.stale(modified) or None,
        )

    def _ignored(self) -> Iterator[Upload]:
        """The versions of objects that are no recordings."""
        if self.key_filter.patterns:
            versions = self.recordings.versions(self.prefix)
            yield from (upload for upload in versions if not self.key_filter.admits(upload.key))

    def _keys(self, state: State) -> Iterator[tuple[str, datetime]]:
        """The key of each document that puts a version into a state, with its time of writing."""
        documents = (
            (key, modified)
            for key, modified in self.transcripts.keys(f"{FOLDERS[state]}/{self.prefix}")
            if key.endswith(".json") and not (state == State.DONE and key.endswith("/latest.json"))
            if self.includes(_result(key))
        )
        return self._whole(documents) if state == State.DONE else documents

    def _whole(self, documents: Iterable[tuple[str, datetime]]) -> Iterator[tuple[str, datetime]]:
        """The transcripts that lack nothing; all lists are in the order of their keys, so that none is held."""
        incomplete = merge(*((_result(key) for key, _ in self._keys(state)) for state in INCOMPLETE))
        passed = next(incomplete, None)
        for key, modified in documents:
            while passed is not None and passed < _result(key):
                passed = next(incomplete, None)
            if passed != _result(key):
                yield key, modified


def _result(key: str) -> str:
    """A result's key without the folder of its state."""
    return key.partition("/")[2]
