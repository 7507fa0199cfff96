"""The lists of the results that are in the transcripts bucket, for the operators' commands and for the page.

It reads keys alone: a result's state is the folder that it is in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import Protocol

from service.result_keys import FOLDERS, INCOMPLETE, State

LATEST = "/latest.json"


class Index(Protocol):
    """The transcripts bucket; it may raise `RetryLater`."""

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The keys that start with `prefix` and sort after `after`, in order, each with its time of writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLists:
    """The results of the recordings whose keys start with `prefix`."""

    transcripts: Index
    stale_after_seconds: int
    canary_folder: str
    prefix: str = ""

    def keys(self, state: State) -> Iterator[tuple[str, datetime]]:
        """The key of each document that puts a version into a state, with its time of writing."""
        documents = (
            (key, modified)
            for key, modified in self.transcripts.keys(f"{FOLDERS[state]}/{self.prefix}")
            if key.endswith(".json") and not (state == State.DONE and key.endswith(LATEST))
            if self.includes(result(key))
        )
        return self._whole(documents) if state == State.DONE else documents

    def includes(self, recording: str) -> bool:
        """Whether a recording counts: a golden call only if its folder was asked for."""
        return self.prefix.startswith(self.canary_folder) or not recording.startswith(self.canary_folder)

    def stale(self, modified: datetime) -> bool:
        """Whether a running document is so old that its worker must have lost the message."""
        return datetime.now(UTC) - modified > timedelta(seconds=self.stale_after_seconds)

    def _whole(self, documents: Iterable[tuple[str, datetime]]) -> Iterator[tuple[str, datetime]]:
        """The transcripts that lack nothing; all lists are in the order of their keys, so that none is held."""
        incomplete = merge(*((result(key) for key, _ in self.keys(state)) for state in INCOMPLETE))
        passed = next(incomplete, None)
        for key, modified in documents:
            while passed is not None and passed < result(key):
                passed = next(incomplete, None)
            if passed != result(key):
                yield key, modified


def result(key: str) -> str:
    """A result's key without the folder of its state."""
    return key.partition("/")[2]


def recording_and_version(key: str) -> tuple[str, str]:
    """The name of the recording and the version of which a document under this key is a result."""
    name, _, version = result(key).removesuffix(".json").rpartition("/")
    return name, version
