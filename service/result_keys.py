"""The keys of a recording's results in the transcripts bucket, for the workers that write them and the jobs that read them.

`service.batch.results` describes the documents under these keys.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

# S3 keys have at most 1024 bytes; the rest is for the prefix, the version and the suffix.
MAX_NAME_BYTES = 850


class State(StrEnum):
    """What became of a version of a recording, by its result; the first one that fits counts."""

    PARTIAL = "partial"  # transcribed, but audio is missing
    UNHEARD = "unheard"  # transcribed, but speech, or a sound like speech, gave no words
    DONE = "done"  # transcribed as a whole
    FAILED = "failed"
    RUNNING = "running"
    IGNORED = "ignored"  # no recording, by its key
    UNACCOUNTED = "unaccounted"


# The folder that holds the results of each state.
FOLDERS = {
    State.PARTIAL: "partial",
    State.UNHEARD: "unheard",
    State.DONE: "transcripts",
    State.FAILED: "failed",
    State.RUNNING: "running",
}
# These have a document beside that of the transcript.
INCOMPLETE = (State.PARTIAL, State.UNHEARD)


class Version(Protocol):
    """A version of a recording."""

    @property
    def key(self) -> str:
        """The recording's key."""

    @property
    def version(self) -> str:
        """Identifies this version among those of the same key."""


def name(key: str) -> str:
    """The recording's key; if it is too long, its beginning and its digest."""
    if len(key.encode()) <= MAX_NAME_BYTES:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return key.encode()[: MAX_NAME_BYTES - 65].decode(errors="ignore") + "~" + digest


def folder(state: State, key: str) -> str:
    """The folder of the results of all versions of a recording in a state."""
    return f"{FOLDERS[state]}/{name(key)}/"


@dataclass(frozen=True, slots=True)
class ResultKeys:
    """The keys of an upload's results."""

    upload: Version

    def of(self, state: State) -> str:
        """The document that puts the upload into one of the states of `FOLDERS`."""
        return self._key(state, f"{self.upload.version}.json")

    @property
    def transcript(self) -> str:
        """The transcript document, which is written once."""
        return self.of(State.DONE)

    @property
    def renderings(self) -> dict[str, str]:
        """The key of each rendering of the transcript, by its format."""
        return {
            form: self._key(State.DONE, f"{self.upload.version}.{suffix}")
            for form, suffix in (("vtt", "vtt"), ("text", "txt"))
        }

    @property
    def latest(self) -> str:
        """The pointer that all versions of a recording share."""
        return self._key(State.DONE, "latest.json")

    @property
    def failure(self) -> str:
        """The reason why there is no transcript."""
        return self.of(State.FAILED)

    @property
    def running(self) -> str:
        """The progress of the worker that transcribes it."""
        return self.of(State.RUNNING)

    def _key(self, state: State, last: str) -> str:
        return folder(state, self.upload.key) + last
