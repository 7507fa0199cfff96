"""How many recordings wait, run, are done or failed, and a list of those in one state.

It reads the keys of results, and the documents of incomplete, failed and running ones; never a recording or a transcript.
Only if the settings have a key filter, it lists the recordings bucket, too.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.batch.events import Upload
from service.batch.ports import OperatedQueue, RecordingIndex, ResultIndex
from service.batch.results import INCOMPLETE, State
from service.batch.rows import (
    DatedVersion,
    FailedVersion,
    IncompleteVersion,
    Overview,
    RunningVersion,
    VersionRow,
)
from service.key_filter import KeyFilter
from service.result_lists import ResultLists, recording_and_version


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
        lists = self.lists
        running = [lists.stale(modified) for _, modified in lists.keys(State.RUNNING)]
        return Overview(
            waiting=waiting,
            in_flight=in_flight,
            dead_letters=sum(dead_letters.counts()),
            running=len(running),
            stale=sum(running),
            done=sum(1 for _ in lists.keys(State.DONE)),
            partial=sum(1 for _ in lists.keys(State.PARTIAL)),
            unheard=sum(1 for _ in lists.keys(State.UNHEARD)),
            failed=sum(1 for _ in lists.keys(State.FAILED)),
            ignored=sum(1 for _ in self._ignored()),
        )

    def listed(self, state: State) -> Iterator[VersionRow]:
        """Each version in a state."""
        if state == State.IGNORED:
            for upload in self._ignored():
                yield DatedVersion(state=state, recording=upload.key, version=upload.version, at=upload.time)
            return
        for key, modified in self.lists.keys(state):
            name, version = recording_and_version(key)
            if state == State.DONE:
                yield DatedVersion(state=state, recording=name, version=version, at=modified.isoformat())
            # A running document is gone if its recording was done since the keys were listed.
            elif found := self.transcripts.read(key):
                yield self._detailed(json.loads(found[0]), state, recording=name, version=version, modified=modified)

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
            stale=self.lists.stale(modified) or None,
            error=document["error"]["code"] if "error" in document else None,
        )

    def _ignored(self) -> Iterator[Upload]:
        """The versions of objects that are no recordings."""
        if self.key_filter.patterns:
            versions = self.recordings.versions(self.prefix)
            yield from (upload for upload in versions if not self.key_filter.admits(upload.key))

    @property
    def lists(self) -> ResultLists:
        """The results by their states."""
        return ResultLists(
            transcripts=self.transcripts,
            stale_after_seconds=self.stale_after_seconds,
            canary_folder=self.canary_folder,
            prefix=self.prefix,
        )
