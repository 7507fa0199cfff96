"""Turns: a bounded number of calls at once, and an order for those that wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiter:
    """A call that waits for a turn, or has one."""

    rank: float
    long: bool
    ready: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turns:
    """A bounded number of turns at once; of the calls that wait, the one with the lowest rank is next.

    Long calls never hold the last turn, so that a short one waits for none of them to end. Used on one event loop only.

    Args:
        most: how many calls have a turn at once.
        room: whether there is room for one more turn; `wake` has it asked again.
    """

    def __init__(self, most: int, *, room: Callable[[], bool] = lambda: True) -> None:
        self.taken = 0
        self._most = most
        self._most_long = max(1, most - 1)
        self._long = 0
        self._room = room
        self._waiting: list[_Waiter] = []

    @property
    def waiting(self) -> int:
        """How many calls wait for a turn."""
        return len(self._waiting)

    @asynccontextmanager
    async def turn(self, *, rank: float, long: bool = False) -> AsyncIterator[None]:
        """Wait for a turn, and hold it during the block."""
        waiter = _Waiter(rank=rank, long=long)
        self._waiting.append(waiter)
        self.wake()
        try:
            await waiter.ready
            yield
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            else:
                self.taken -= 1
                self._long -= long
            self.wake()

    def wake(self) -> None:
        """Give the turns that are free to the calls that may have them."""
        while self.taken < self._most and self._room():
            may = [waiter for waiter in self._waiting if not waiter.long or self._long < self._most_long]
            if not may:
                return
            first = min(may, key=lambda waiter: waiter.rank)
            self._waiting.remove(first)
            self.taken += 1
            self._long += first.long
            # A waiter whose task was cancelled a moment ago gives the turn back as it unwinds.
            if not first.ready.done():
                first.ready.set_result(None)
