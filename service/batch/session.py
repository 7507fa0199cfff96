import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from threading import Lock


class Phase(Enum):
    """What the lanes of a worker may do now."""

    OPEN = auto()  # take messages
    CLOSING = auto()  # finish those in hand
    RESTING = auto()  # nothing: the task is unprotected, so that ECS can stop it


class Session:
    """The time for which a worker takes messages before it rests.

    ECS replaces the task of an old version, but not while it is protected, and does not tell it that it waits: the
    task's desired status changes only when ECS stops it. On a full queue some lane is always at work, so that without
    rests an old task would stay for ever. A message that takes longer than the session loses its protection, too: then
    ECS may stop the task, which returns the message.

    A session begins with its first message. It ends early if the worker is idle for the length of a rest.
    """

    def __init__(self, *, seconds: float, receiving_seconds: float, rest_seconds: float) -> None:
        self._seconds, self._receiving, self._rest = seconds, receiving_seconds, rest_seconds
        self._lock = Lock()
        self._turns = self._working = 0
        # On the monotonic clock: the begin of the session, the last work in it, and the end of the rest.
        self._since: float | None = None
        self._busy = self._until = 0.0

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether a lane may receive a message now; if so, no rest begins before the end of the block."""
        with self._lock:
            admitted = self._phase() is Phase.OPEN
            self._turns += admitted
        try:
            yield admitted
        finally:
            with self._lock:
                self._turns -= admitted

    @contextmanager
    def work(self) -> Iterator[None]:
        """Count the block as work on a message."""
        with self._lock:
            self._since = self._since or time.monotonic()
            self._working += 1
        try:
            yield
        finally:
            with self._lock:
                self._working -= 1
                self._busy = time.monotonic()

    def phase(self) -> Phase:
        """The present phase."""
        with self._lock:
            return self._phase()

    def _phase(self) -> Phase:
        now = time.monotonic()
        if now < self._until:
            return Phase.RESTING
        if self._until:
            # Messages that were in hand throughout the rest are the first ones of the next session.
            self._until, self._since = 0.0, now if self._working else None
        if self._since and not self._working and now - self._busy >= self._rest:
            self._since = None
        if self._since is None or now - self._since < self._receiving:
            return Phase.OPEN
        if self._turns and now - self._since < self._seconds:
            return Phase.CLOSING
        self._until = now + self._rest
        return Phase.RESTING
