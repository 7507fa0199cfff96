"""How a batch fleet is scaled: the numbers of its rules, the rules themselves, and how AWS carries them out.

The stacks make alarms and policies of the same numbers (`stacks/batch/backlog_scaling.py`), and `local` plays those of a
template. A test compares the rules here with the template's, minute by minute.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

# Minutes with a waiting message, of the last ones, until the first task is asked for.
WAKE_MINUTES, WAKE_OF_MINUTES = 2, 3
# Likewise, with an announced upload.
ANNOUNCE_MINUTES, ANNOUNCE_OF_MINUTES = 1, 3
# Minutes in a row above the target until AWS grows a fleet: its own rule of target tracking.
FOLLOW_MINUTES = 3
# Minutes in a row without a waiting message before tasks are taken away.
SHRINK_MINUTES = 5
# After six idle hours, SQS may report metrics of a queue this much later.
QUIET_MINUTES = 15
# Minutes until added tasks show in the metrics.
SETTLED_MINUTES = 5
# Minutes without a message until the last task is taken away: longer than the first report after a quiet time takes, with
# the usual delay of metrics, or a batch that has just arrived would look like an empty queue.
SLEEP_MINUTES = QUIET_MINUTES + SETTLED_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the scaling sees of a minute; None is a metric without a datapoint.

    Attributes:
        waiting: visible messages.
        working: messages in flight.
        tasks: desired tasks, which ECS reports only while one runs.
        arrivals: announced uploads.
    """

    waiting: float | None
    working: float | None
    tasks: float | None
    arrivals: float | None


class Evaluation:
    """An alarm's state: on if `needed` of the last `periods` minutes were beyond its threshold.

    Minutes before the first one, and minutes without a datapoint, leave it as it is, unless a gap ends it.
    """

    def __init__(self, *, needed: int, periods: int, gap_ends: bool = False) -> None:
        self.on = False
        self._needed, self._gap_ends = needed, gap_ends
        self._seen: deque[bool | None] = deque(maxlen=periods)

    def see(self, *, beyond: bool | None) -> bool:
        """Look at one more minute; whether the alarm is on."""
        self._seen.append(beyond)
        found = self._seen.count(True)
        unknown = (self._seen.maxlen or 0) - len(self._seen) + self._seen.count(None)
        if found >= self._needed:
            self.on = True
        elif found + unknown < self._needed or self._gap_ends:
            self.on = False
        return self.on


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The number of tasks that a policy asks for, and how many minutes it then leaves others alone."""

    policy: str
    tasks: int
    out_cooldown: int = SETTLED_MINUTES
    in_cooldown: int = SETTLED_MINUTES


class Target:
    """Application Auto Scaling: makes one change of the wishes of all policies.

    Attributes:
        added: tasks that are so new that a cooldown covers them.
    """

    def __init__(self, *, least: int, most: int) -> None:
        self.least, self.most, self.added = least, most, 0
        self._now = self._out_until = self._in_until = 0

    def begin_minute(self) -> None:
        """Count the minute; after their cooldown, tasks are no longer new."""
        self._now += 1
        if self._now > self._out_until:
            self.added = 0

    def decide(self, wishes: Iterable[Wish], *, tasks: int, deploying: bool = False) -> Wish | None:
        """The wish that is carried out, within the limits; None if the number stays."""
        limited = [(min(self.most, max(self.least, wish.tasks)), wish) for wish in wishes]
        allowed = [(n, wish) for n, wish in limited if n > tasks or (n < tasks and not deploying)]
        if not allowed:
            return None
        # If policies disagree, the largest capacity wins; scaling out never waits for the cooldown of scaling in.
        wanted, wish = max(allowed, key=lambda each: each[0])
        if wanted > tasks:
            self.added += wanted - tasks
            self._out_until = self._now + wish.out_cooldown
            self._in_until = 0
        elif self.added or self._now <= self._in_until:
            # No policy takes back an increase before its cooldown is over.
            return None
        else:
            self._in_until = self._now + wish.in_cooldown
        return Wish(policy=wish.policy, tasks=wanted)


class FleetRules:
    """The rules of a batch fleet: two wake it, one follows the backlog upwards, two take tasks away."""

    def __init__(self, *, max_tasks: int, backlog_per_task: float) -> None:
        self._backlog_per_task = backlog_per_task
        self._target = Target(least=0, most=max_tasks)
        self._wake = Evaluation(needed=WAKE_MINUTES, periods=WAKE_OF_MINUTES)
        self._announce = Evaluation(needed=ANNOUNCE_MINUTES, periods=ANNOUNCE_OF_MINUTES)
        self._follow = Evaluation(needed=FOLLOW_MINUTES, periods=FOLLOW_MINUTES, gap_ends=True)
        self._shrink = Evaluation(needed=SHRINK_MINUTES, periods=SHRINK_MINUTES)
        self._sleep = Evaluation(needed=SLEEP_MINUTES, periods=SLEEP_MINUTES)
        self._surplus = 0.0

    def minute(self, observed: Observed, *, tasks: int) -> int:
        """The desired number of tasks after a minute; `tasks` is the one before."""
        self._target.begin_minute()
        wish = self._target.decide(self._wishes(observed, tasks), tasks=tasks)
        return tasks if wish is None else wish.tasks

    def _wishes(self, observed: Observed, tasks: int) -> Iterable[Wish]:
        waiting, working = observed.waiting, observed.working
        none, busy = (observed.tasks or 0) < 1, (working or 0) >= 1
        if self._wake.see(beyond=None if waiting is None else waiting > 0 and not busy and none):
            yield Wish(policy="Wake", tasks=1)
        unreported = waiting is None and working is None
        if self._announce.see(beyond=unreported and none and (observed.arrivals or 0) > 0):
            yield Wish(policy="Announce", tasks=tasks + 1 - self._target.added, out_cooldown=QUIET_MINUTES)
        backlog = None
        if waiting is not None and observed.tasks is not None:
            backlog = (waiting + (working or 0)) / max(1, observed.tasks)
        if self._follow.see(beyond=backlog is not None and backlog > self._backlog_per_task) and backlog is not None:
            yield Wish(policy="Follow", tasks=ceil(tasks * backlog / self._backlog_per_task))
        surplus = _surplus(observed)
        self._surplus = self._surplus if surplus is None else surplus
        if self._shrink.see(beyond=None if surplus is None else surplus >= 1):
            yield Wish(policy="Shrink", tasks=tasks - step(self._surplus))
        work = (waiting or 0) + (working or 0) + (observed.arrivals or 0)
        if self._sleep.see(beyond=work < 1):
            yield Wish(policy="Sleep", tasks=0)


def step(surplus: float) -> int:
    """The tasks that are taken away at once: steps that double, none above the surplus.

    >>> [step(surplus) for surplus in (1, 2, 3, 4, 9)]
    [1, 2, 2, 4, 8]
    """
    return 1 << (int(surplus).bit_length() - 1) if surplus >= 1 else 0


def _surplus(observed: Observed) -> float | None:
    """Tasks that certainly have nothing to do, while no message waits; one stays."""
    waiting, working, tasks = observed.waiting, observed.working, observed.tasks
    if waiting is None:
        return None
    if waiting >= 1:
        return 0.0
    return None if working is None or tasks is None else tasks - max(1.0, working)
