"""The outside world as the batch path sees it; `service.aws` and `service.engine` fit these protocols by structure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, BinaryIO, Protocol

from service.batch.events import Message, Upload
from service.transcript import Transcript

if TYPE_CHECKING:
    # An operator's commands need no engine, which takes a second to import.
    from service.engine.engine import Progress
    from service.recording import Recording


class Transcriber(Protocol):
    """The engine."""

    @property
    def encoder(self) -> str:
        """The runtime, version and arithmetic of the model's encoder."""

    def transcribe(self, recording: "Recording", *, progress: "Progress") -> Transcript:
        """Transcribe every channel of a recording."""


class ReceivingQueue(Protocol):
    """The queue as a worker sees it; each method may raise `RetryLater`."""

    def receive(self, *, wait_seconds: int) -> Message | None:
        """Wait for one message."""

    def hide(self, message: Message, *, seconds: int) -> None:
        """Hide a message from other receivers; 0 returns it at once. May raise `ReceiptGone`."""

    def delete(self, message: Message) -> None:
        """Delete a message. May raise `ReceiptGone`."""


class CountedQueue(Protocol):
    """A queue as someone sees it who only looks; may raise `RetryLater`."""

    def counts(self) -> tuple[int, int]:
        """How many messages wait and how many are in flight."""


class OperatedQueue(CountedQueue, Protocol):
    """A queue as an operator sees it; each method may raise `RetryLater`."""

    def visibility_timeout(self) -> int:
        """For how many seconds a message that was received is hidden from others, unless its receiver says otherwise."""

    def send(self, body: str) -> None:
        """Put a message on the queue."""

    def receive(self, *, wait_seconds: int) -> Message | None:
        """Wait for one message."""

    def delete(self, message: Message) -> None:
        """Delete a message. May raise `ReceiptGone`."""


class RecordingStore(Protocol):
    """The recordings bucket as a worker sees it."""

    def download(
        self, key: str, *, version_id: str, etag: str, to: BinaryIO, limit: int, progress: Callable[[], None]
    ) -> Mapping[str, str]:
        """Copy one version of an object into a file, and return its metadata. May raise `RetryLater` or a `RequestError`."""


class RecordingIndex(Protocol):
    """The recordings bucket as an operator sees it; it may raise `RetryLater`."""

    def versions(self, prefix: str) -> Iterator[Upload]:
        """Every version of the recordings whose keys start with `prefix`, in the order of their keys."""


class ResultStore(Protocol):
    """The transcripts bucket as a worker sees it; each method may raise `RetryLater`."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and its entity tag; None if there is no such object."""

    def write(self, key: str, body: bytes, *, content_type: str, over: str = "") -> bool:
        """Create an object, or replace the one with the entity tag `over`; False if another writer was first."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object unconditionally."""

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""


class ResultIndex(Protocol):
    """The transcripts bucket as an operator sees it; each method may raise `RetryLater`."""

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The keys that start with `prefix` and sort after `after`, in order, each with its time of writing."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and its entity tag; None if there is no such object."""


class GoldenStore(Protocol):
    """The recordings bucket as the canary sees it; each method may raise `RetryLater`."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object unconditionally."""

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""


class GoldenResults(ResultIndex, Protocol):
    """The transcripts bucket as the canary sees it; each method may raise `RetryLater`."""

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""


class Verdict(Enum):
    """What ECS says to a request for protection."""

    GRANTED = auto()
    # The service has as many protected tasks as it wants tasks: this one is surplus, or a deployment is under way.
    BLOCKED = auto()
    FAILED = auto()  # any other answer, or none


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request for protection, with ECS's reason if it is no grant."""

    verdict: Verdict
    reason: str = ""


class ProtectionAgent(Protocol):
    """The agent beside the task through which ECS is asked to spare the task when the service scales in."""

    def protect(self, *, minutes: int) -> Answer:
        """Ask to protect the task for that long; 0 removes protection."""
