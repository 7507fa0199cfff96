"""Promises: the times at which refused callers were told to come again, so that room is left for them."""

import time
from dataclasses import dataclass

# Clocks and networks differ: a caller that is so early is in time, and one that is later may be late by a share of its wait.
EARLY_SECONDS, LATE_SECONDS, LATE_SHARE = 1.0, 10.0, 0.1
# Beyond so many, refused callers are told a time, but no room is left for them.
MAX_PROMISES = 1000
# The weight of a promise in the share of those that are kept falls by this factor with each later one.
KEPT = 0.98


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Promise:
    """A refused call's next attempt: its identity and audio, and from when to when it counts, on the monotonic clock."""

    identity: str
    audio: float
    due: float
    expires: float


class Promises:
    """The attempts that refused callers will make.

    A call is known again by its identity, which calls of one client may share: then any of them takes the promise. Some
    callers never come again: the share of those that did tells how many of the others will.
    """

    def __init__(self) -> None:
        self._open: list[Promise] = []
        self._made = self._taken = 1.0

    def audio(self, *, longest: float) -> float:
        """Seconds of audio that will probably come again, in calls of at most this length."""
        self._forget()
        share = self._taken / self._made
        return share * sum(promise.audio for promise in self._open if promise.audio <= longest)

    def make(self, identity: str, *, audio: float, seconds: float) -> None:
        """Expect a call again after so many seconds."""
        self._forget()
        if len(self._open) < MAX_PROMISES:
            due = time.monotonic() + seconds
            expires = due + max(LATE_SECONDS, LATE_SHARE * seconds)
            self._open.append(Promise(identity=identity, audio=audio, due=due, expires=expires))

    def take(self, identity: str) -> bool:
        """Whether a call was told to come about now; that promise is then kept."""
        self._forget()
        now = time.monotonic() + EARLY_SECONDS
        mine = [promise for promise in self._open if promise.identity == identity and promise.due <= now]
        if not mine:
            return False
        self._open.remove(min(mine, key=lambda promise: promise.due))
        self._count(taken=True)
        return True

    def _forget(self) -> None:
        now = time.monotonic()
        for promise in [promise for promise in self._open if promise.expires < now]:
            self._open.remove(promise)
            self._count(taken=False)

    def _count(self, *, taken: bool) -> None:
        self._made = KEPT * self._made + 1
        self._taken = KEPT * self._taken + taken
