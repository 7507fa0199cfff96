"""Turns: a bounded number at once, the lowest rank first, and the last one never for a long call."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from service.http.turns import Turns


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario on an event loop, for 5 seconds at most."""
    asyncio.run(asyncio.wait_for(scenario(), 5))


class Holder:
    """A call that takes a turn and keeps it until it is told to end."""

    def __init__(self, turns: Turns, *, rank: float = 0.0, long: bool = False) -> None:
        self.has_turn = False
        self.end = asyncio.Event()
        self.task = asyncio.create_task(self._hold(turns, rank, long=long))

    async def _hold(self, turns: Turns, rank: float, *, long: bool) -> None:
        async with turns.turn(rank=rank, long=long):
            self.has_turn = True
            await self.end.wait()


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_lowest_rank_is_next() -> None:
    """Whatever the order of arrival; equal ranks keep it."""

    async def scenario() -> None:
        turns = Turns(1)
        first, late, early, same = (Holder(turns, rank=rank) for rank in (9, 3, 1, 1))
        order = []
        for _ in range(4):
            await settle()
            (running,) = (h for h in (first, late, early, same) if h.has_turn and not h.task.done())
            order.append(running)
            running.end.set()
        assert order == [first, early, same, late]

    run(scenario)


def test_long_calls_leave_the_last_turn_to_a_short_one() -> None:
    """A short call starts at once beside any number of long ones that wait."""

    async def scenario() -> None:
        turns = Turns(3)
        long = [Holder(turns, long=True) for _ in range(5)]
        await settle()
        assert [holder.has_turn for holder in long] == [True, True, False, False, False]
        short = Holder(turns, rank=99)
        await settle()
        assert short.has_turn
        assert (turns.taken, turns.waiting) == (3, 3)
        for holder in (short, *long):
            holder.end.set()
        await asyncio.gather(*(holder.task for holder in (short, *long)))
        assert (turns.taken, turns.waiting) == (0, 0)

    run(scenario)


def test_single_turn_is_for_long_calls_too() -> None:
    """Otherwise they would never run."""

    async def scenario() -> None:
        holder = Holder(Turns(1), long=True)
        await settle()
        assert holder.has_turn
        holder.end.set()
        await holder.task

    run(scenario)


@pytest.mark.parametrize("moment", ["waiting", "just granted", "running"])
def test_cancelled_call_gives_its_turn_to_the_next(moment: str) -> None:
    """Whether it waits, has been given a turn that it has not noticed yet, or runs."""

    async def scenario() -> None:
        turns = Turns(1)
        first = Holder(turns)
        await settle()
        second, third = Holder(turns), Holder(turns)
        await settle()
        if moment == "waiting":
            second.task.cancel()
            first.end.set()
        elif moment == "just granted":
            first.task.cancel()
            await asyncio.sleep(0)
            second.task.cancel()
        else:
            first.end.set()
            await settle()
            assert second.has_turn
            second.task.cancel()
        await settle()
        assert third.has_turn
        third.end.set()
        await settle()
        assert (turns.taken, turns.waiting) == (0, 0)

    run(scenario)


def test_turn_waits_for_room() -> None:
    """`wake` has the question asked again."""

    async def scenario() -> None:
        room = False
        turns = Turns(2, room=lambda: room)
        holder = Holder(turns)
        await settle()
        assert not holder.has_turn
        room = True
        turns.wake()
        await settle()
        assert holder.has_turn
        holder.end.set()
        await holder.task

    run(scenario)
