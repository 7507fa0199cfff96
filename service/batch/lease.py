import time
from datetime import UTC, datetime
from threading import Lock

from service.batch.events import Message, Upload
from service.engine.engine import Cancelled
from service.errors import DeadlineExceeded


class Lease:
    """A message in hand, as all threads of a worker see it: its progress, its deadline, whether it is still ours.

    Attributes:
        since: when the message was received, ISO 8601 in UTC.
        moved: when its work last made progress, on the monotonic clock.
        share: of its present upload that is done, 0 to 1.
        audio: seconds of audio of its present upload; None until it is decoded.
        request_id: of the present upload: of the request that its metadata name, otherwise its version.
        upload: the upload in work, between two uploads none; `marking` is held while it changes or is shown.
        dropped: the message was returned or taken over: its work must end.
    """

    def __init__(self, message: Message, *, deadline_seconds: int) -> None:
        self.message = message
        self.since = now()
        self.started = self.moved = time.monotonic()
        self.share = 0.0
        self.audio: float | None = None
        self.request_id = message.identity
        self.upload: Upload | None = None
        self.marking = Lock()
        self.dropped = False
        self._deadline = self.started + deadline_seconds

    @property
    def names(self) -> dict[str, str]:
        """The ids of its message and of its present upload's request, for the log."""
        return {"message_id": self.message.identity, "request_id": self.request_id}

    def progress(self, share: float = 0.0) -> None:
        """Note that the work is done up to `share`.

        Raises:
            DeadlineExceeded: the deadline has passed.
            Cancelled: the lease was dropped.
        """
        self.moved = time.monotonic()
        self.share = share
        if self.moved > self._deadline:
            raise DeadlineExceeded
        if self.dropped:
            raise Cancelled

    def fits(self, seconds: float) -> bool:
        """Whether the work will probably be done within that time; assumed before its first progress."""
        elapsed = time.monotonic() - self.started
        return not self.share or elapsed * (1 - self.share) / self.share < seconds


def now() -> str:
    """The time as documents give it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
