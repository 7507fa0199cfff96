"""Compares every version of every recording with the keys of its results, and finds those that are unaccounted for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from service.batch import events
from service.batch.events import Upload
from service.batch.inventory import Inventory
from service.batch.ports import OperatedQueue
from service.batch.results import FOLDERS, ResultKeys, State
from service.batch.rows import DatedVersion, Tally

# Versions that are compared with one walk over the keys of their results.
PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The recordings whose keys start with the inventory's prefix, and the queue of all recordings."""

    queue: OperatedQueue
    inventory: Inventory

    def run(self, *, announce: bool = False) -> Iterator[DatedVersion | Tally]:
        """Each version that is unaccounted for, then the tally.

        Messages that wait or are in flight may announce these versions; they are announced again only if there is
        no such message.
        """
        unfinished = sum(self.queue.counts())
        states, announced = Counter[State](), 0
        found = self.inventory.recordings.versions(self.inventory.prefix)
        versions = (upload for upload in found if self.inventory.lists.includes(upload.key))
        while page := list(islice(versions, PAGE)):
            for upload, state in self._states(page):
                states[state] += 1
                if state == State.UNACCOUNTED:
                    if announce and not unfinished:
                        self.queue.send(events.announcement(upload))
                        announced += 1
                    yield DatedVersion(state=state, recording=upload.key, version=upload.version, at=upload.time)
        # Counted again: a recording that was uploaded meanwhile is not lost.
        if not announced:
            unfinished = max(unfinished, sum(self.queue.counts()))
        yield Tally(
            done=states[State.DONE],
            partial=states[State.PARTIAL],
            unheard=states[State.UNHEARD],
            failed=states[State.FAILED],
            running=states[State.RUNNING],
            ignored=states[State.IGNORED],
            unaccounted=states[State.UNACCOUNTED],
            announced=announced,
            waiting_or_in_flight=unfinished,
        )

    def _states(self, page: Sequence[Upload]) -> Iterator[tuple[Upload, State]]:
        found = {state: self._found(state, page) for state in FOLDERS}
        for upload in page:
            states = (state for state in FOLDERS if found[state] & _keys(state, upload))
            # An object that was transcribed before the filter left it out has a result, which counts.
            rest = State.UNACCOUNTED if self.inventory.key_filter.admits(upload.key) else State.IGNORED
            yield upload, next(states, rest)

    def _found(self, state: State, page: Sequence[Upload]) -> set[str]:
        """Those keys of the uploads' results that exist."""
        wanted = set[str]().union(*(_keys(state, upload) for upload in page))
        found, last = set[str](), max(wanted)
        for key, modified in self.inventory.transcripts.keys("", after=min(wanted)[:-1]):
            if key > last:
                break
            if key in wanted and self._counts(state, modified):
                found.add(key)
        return found

    def _counts(self, state: State, modified: datetime) -> bool:
        return state != State.RUNNING or not self.inventory.lists.stale(modified)


def _keys(state: State, upload: Upload) -> set[str]:
    """The keys of an upload's result; it is named by the entity tag if the event did not name the version."""
    return {ResultKeys(one).of(state) for one in (upload, replace(upload, version_id=""))}
