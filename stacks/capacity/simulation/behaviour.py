"""The surroundings that a plan cannot know: AWS, starts, calls. Every number is assumed (docs/capacity.md lists them)."""

import random
from dataclasses import dataclass

from stacks.capacity.checks import above_zero, typed, whole, zero_or_more

# The defaults below, as reports word them.
ASSUMED = (
    "a task starts in 1 to 5 minutes",
    "Spot takes 1 % of its tasks in an hour, and stops each within 120 s",
    "a call's length spreads by 0.8 of the average",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The share of the Spot tasks asked for that Spot grants from some time on."""

    seconds: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The surroundings of a fleet.

    Attributes:
        minute_seconds: a minute of metrics and scaling; a local cloud may compress it.
        metric_minutes: how late a minute of the queue's and the tasks' metrics reaches the scaling.
        start_seconds: from asking for a task until it takes a message: shortest, usual, longest.
        kills_per_task_hour: interruptions of a Spot task.
        stop_seconds: from an interruption to the task's end. A call that does not end until then is begun again.
        resting_share: of a working task's life, in which it takes no messages between two sessions.
        call_overhead_seconds: of a call, beside the time that follows from its length.
        length_spread: standard deviation of a call's length, as a share of the average.
        quiet_hours: without messages, after which the queue's metrics start `QUIET_MINUTES` late.
        grants: what Spot grants, in the order of time; everything before the first.
    """

    minute_seconds: float = 60.0
    metric_minutes: int = 2
    start_seconds: tuple[float, ...] = (60.0, 120.0, 300.0)
    kills_per_task_hour: float = 0.01
    stop_seconds: float = 120.0
    resting_share: float = 0.07
    call_overhead_seconds: float = 0.0
    length_spread: float = 0.8
    quiet_hours: float = 6.0
    grants: tuple[Grant, ...] = ()

    def __post_init__(self) -> None:
        typed(self, "behaviour")
        above_zero("behaviour.minute_seconds", self.minute_seconds)
        whole("behaviour.metric_minutes", self.metric_minutes, least=0)
        for name in ("kills_per_task_hour", "stop_seconds", "call_overhead_seconds", "length_spread", "quiet_hours"):
            zero_or_more(f"behaviour.{name}", getattr(self, name))

    def granted(self, now: float) -> float:
        """The share of its Spot tasks that the fleet may have at a time."""
        return next((grant.share for grant in reversed(self.grants) if grant.seconds <= now), 1.0)

    def start(self, chance: random.Random) -> float:
        """Seconds that one task takes to start."""
        low, usual, high = self.start_seconds
        return low if low == high else chance.triangular(low, high, usual)


# Workers on one machine that already run: nothing is late, lost or unequal.
LOCAL = Behaviour(
    metric_minutes=0,
    start_seconds=(0.0, 0.0, 0.0),
    kills_per_task_hour=0.0,
    resting_share=0.0,
    length_spread=0.0,
    quiet_hours=1e9,
)
