"""The tasks of one service in a replay."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stacks.capacity.simulation.behaviour import Behaviour
from stacks.capacity.speed import Speed


class Call(NamedTuple):
    """A recording on the queue: when it arrived, its seconds, and the number of its batch."""

    arrived: float
    seconds: float
    batch: int


@dataclass(slots=True, eq=False)
class Task:
    """A task; times are seconds of the replay.

    Attributes:
        asked: when it was asked for, from which on it is billed.
        rate: seconds of recording that it works off in a second.
        on_demand: it is not on Spot.
        ready: it takes messages.
        leaving: it takes no more, and ends with the call in hand.
        gone: it has ended.
        call: in hand, until `ends`.
    """

    asked: float
    rate: float
    on_demand: bool
    ready: bool = False
    leaving: bool = False
    gone: bool = False
    call: Call | None = None
    ends: float = 0.0


@dataclass(slots=True, kw_only=True)
class Service:
    """Keeps as many tasks as are asked for, as ECS does: it stops none that works on a call.

    Attributes:
        most: tasks that may be asked for; Spot grants a share of them.
        always_on_demand: the first tasks, which are not on Spot.
        on_demand: all of its tasks are on demand.
        desired: tasks that are asked for.
        tasks: those that have not ended.
    """

    behaviour: Behaviour
    most: int
    always_on_demand: int = 0
    on_demand: bool = False
    desired: int = 0
    tasks: list[Task] = field(default_factory=list)

    @property
    def running(self) -> int:
        """Tasks that take messages."""
        return sum(task.ready and not task.leaving for task in self.tasks)

    def missing(self, now: float) -> Iterator[bool]:
        """Whether each task to start now is on demand."""
        staying = [task for task in self.tasks if not task.leaving]
        firm = sum(task.on_demand for task in staying)
        if self.on_demand:
            yield from [True] * (self.desired - len(staying))
            return
        base = min(self.always_on_demand, self.desired)
        yield from [True] * (base - firm)
        spot = len(staying) - firm
        yield from [False] * (min(self._granted(now), self.desired - max(firm, base)) - spot)

    def taken(self, now: float, chance: random.Random) -> Sequence[Task]:
        """Tasks that Spot takes back because it grants fewer."""
        if self.on_demand or not self.behaviour.grants:
            return ()
        spot = [task for task in self.tasks if not task.on_demand and not task.leaving]
        return chance.sample(spot, max(0, len(spot) - self._granted(now)))

    def surplus(self) -> Sequence[Task]:
        """Tasks to stop because fewer are asked for: those without a call, first the ones that still start."""
        staying = [task for task in self.tasks if not task.leaving]
        free = sorted((task for task in staying if task.call is None), key=lambda task: task.ready)
        return free[: max(0, len(staying) - self.desired)]

    def _granted(self, now: float) -> int:
        return int(self.behaviour.granted(now) * max(0, self.most - self.always_on_demand))


class Hosts:
    """Draws the processor of each new task, and with it how fast the task is."""

    def __init__(self, speed: Speed, *, working_share: float) -> None:
        self._speed, self._working_share = speed, working_share
        self._shares = [host.share for host in speed.hosts]

    def rate(self, chance: random.Random) -> float:
        """Seconds of recording that a new task works off in a second."""
        if not self._speed.hosts:
            return self._working_share * self._speed.audio_seconds_per_second
        (host,) = chance.choices(self._speed.hosts, self._shares)
        return self._working_share * chance.triangular(host.low, host.high, host.audio_seconds_per_second)
