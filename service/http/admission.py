"""Admission: which calls get a slot in the queue, in what order they run, and when a refused caller should come again."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service.access import Caller
from service.errors import Busy, ShareExceeded
from service.http.promises import Promises

# Until a call has been measured: five seconds of audio in a second. It weighs no more than a short call.
PRIOR_PROCESSING, PRIOR_AUDIO = 2.0, 10.0
# The weight of a measurement falls by this factor with each further one: the last ten calls or so decide.
KEPT = 0.9


class Pace:
    """Seconds of processing for a second of audio, and the length of a call, as the last calls took and had."""

    def __init__(self) -> None:
        self._processing, self._audio, self._calls = PRIOR_PROCESSING, PRIOR_AUDIO, 1.0

    def measure(self, *, processing: float, audio: float) -> None:
        """Take a finished call into account, by its share of the process's time."""
        self._processing = KEPT * self._processing + processing
        self._audio = KEPT * self._audio + audio
        self._calls = KEPT * self._calls + 1

    @property
    def usual_audio(self) -> float:
        """Seconds of audio of a usual call."""
        return self._audio / self._calls

    def seconds(self, audio: float) -> float:
        """How long so many seconds of audio take, if the whole process works on them."""
        return audio * self._processing / self._audio


@dataclass(slots=True, kw_only=True, eq=False)
class Slot:
    """A call in the queue, counted by its audio.

    Attributes:
        audio: its length, in seconds.
        rank: the lowest one runs next.
        caller: whose it is.
        running: whether it has left the queue for the engine.
        done: the share that is transcribed.
    """

    audio: float
    rank: float
    caller: Caller
    running: bool = False
    done: float = 0.0

    @property
    def left(self) -> float:
        """Seconds of audio that are still to be transcribed."""
        return self.audio * (1 - self.done)


class Queue:
    """The slots of accepted calls.

    The shortest call is next, with aging: a call's rank is the time at which it would end if it ran alone from its
    arrival on. So a clip overtakes an hour that arrived just before it, and the hour is overtaken only for as long as it
    takes itself: each call waits in proportion to its own length, and none for ever. A fair queue of callers would make
    a caller's clip wait for the same caller's hour.

    A call that would have to wait for too long is refused, and its caller told when half of the queue will be free for it.
    Meanwhile others find its room taken, down to half of the queue: otherwise they would always be there before the callers
    that do as they were told.
    """

    def __init__(self, *, max_wait_seconds: float) -> None:
        self.pace = Pace()
        self._promises = Promises()
        self._max_wait = max_wait_seconds
        self._slots: list[Slot] = []

    @property
    def audio(self) -> float:
        """Seconds of audio that are still to be transcribed."""
        return sum(slot.left for slot in self._slots)

    @property
    def waiting(self) -> int:
        """How many calls wait for the engine."""
        return sum(not slot.running for slot in self._slots)

    def wait(self, audio: float = 0.0) -> float:
        """The expected wait of a call that arrived now with so many seconds of audio; without any, of the shortest.

        Calls that run share the engine with it, so each delays it by no more than its own length.
        """
        rank = self._rank(audio)
        ahead = sum(slot.left for slot in self._slots if not slot.running and slot.rank <= rank)
        beside = sum(min(slot.left, audio) for slot in self._slots if slot.running)
        return self.pace.seconds(ahead + beside)

    @property
    def promised(self) -> float:
        """Seconds of audio with which refused callers will probably come again."""
        return self._promises.audio(longest=math.inf)

    def check_room(self, identity: str) -> None:
        """Raise `Busy` if a call, even a short one, would have to wait for too long."""
        limit = self._max_wait
        if not self._promises.take(identity):
            limit = max(limit / 2, limit - self.pace.seconds(self.promised))
        self._check(identity, 0.0, limit=limit)

    @contextmanager
    def slot(self, audio: float, *, caller: Caller, identity: str = "") -> Iterator[Slot]:
        """Hold a slot during the block.

        Raises:
            Busy: the wait would be too long.
            ShareExceeded: the caller has as much audio in the queue as its key may have.
        """
        self._check(identity, audio, limit=self._max_wait)
        if limit := caller.audio_seconds:
            own = sum(slot.left for slot in self._slots if slot.caller.name == caller.name)
            # A single call is never refused for its own length.
            if own and own + audio > limit:
                wait = math.ceil(self.pace.seconds(own + audio - limit))
                raise ShareExceeded(limit=limit, retry_after_seconds=max(1, wait))
        slot = Slot(audio=audio, rank=self._rank(audio), caller=caller)
        self._slots.append(slot)
        try:
            yield slot
        finally:
            self._slots.remove(slot)

    def _check(self, identity: str, audio: float, *, limit: float) -> None:
        # Behind calls that run, at least one may wait, however long they are.
        if self.waiting and (wait := self.wait(audio)) > limit:
            expected = audio or self.pace.usual_audio
            wait += self.pace.seconds(self._promises.audio(longest=expected))
            seconds = max(1, math.ceil(wait - self._max_wait / 2))
            self._promises.make(identity, audio=expected, seconds=seconds)
            raise Busy(retry_after_seconds=seconds)

    def _rank(self, audio: float) -> float:
        return time.monotonic() + self.pace.seconds(audio)
