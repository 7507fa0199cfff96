"""A fleet for old recordings, on the rest of the Spot quota beside the week's fleet."""

import math
from dataclasses import dataclass

from stacks.capacity.fleet import PLANNED_SHARE, Plan, UnreachableDeadline
from stacks.capacity.speed import Speed

# A message may wait this long before the fleet grows: nothing is urgent, and the whole fleet is there within the hour.
LATENCY_HOURS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A fleet, and how long it takes.

    Attributes:
        tasks: the most that run.
        task_hours: of all of them, on usual hosts.
        days: until the last transcript, on the slowest hosts.
        backlog_per_task: target of its scaling policy, in messages.
    """

    tasks: int
    task_hours: float
    days: float
    backlog_per_task: float


def plan_backfill(
    *,
    audio_hours: float,
    days: float,
    minutes_per_call: float,
    speed: Speed,
    spot_vcpus: float,
    week: Plan,
    lanes: int,
) -> Backfill:
    """The fewest tasks that transcribe old recordings in so many days, with a quarter of them in reserve.

    Args:
        audio_hours: of the old recordings.
        days: from the first upload to the last transcript.
        minutes_per_call: the average length of a recording.
        speed: of a task.
        spot_vcpus: the quota, of which the week's fleet keeps its limit.
        week: the plan of the new recordings, whose relief runs on demand and takes nothing of this quota.
        lanes: recordings that a worker works on at once.

    Raises:
        UnreachableDeadline: the rest of the quota is too small.
    """
    slowest, vcpus = speed.limiting, speed.cpu / 1024
    work = slowest.task_time(audio_hours)
    tasks = math.ceil(work / (24 * days * PLANNED_SHARE))
    room = int((spot_vcpus - week.batch_max_tasks * vcpus) / vcpus)
    if tasks > room:
        least = math.ceil(work / (24 * PLANNED_SHARE * room)) if room > 0 else 0
        longer = f"{least} or more, or a larger spot_vcpus" if least else "a larger spot_vcpus"
        expected = (
            f"{longer}: {tasks} tasks of {vcpus:g} vCPU would do, and the week's fleet leaves room for {max(0, room)}"
        )
        raise UnreachableDeadline("backfill.days", f"{days:g}", expected)
    return Backfill(
        tasks=tasks,
        task_hours=speed.task_time(audio_hours),
        days=work / tasks / 24,
        backlog_per_task=max(float(lanes), LATENCY_HOURS / slowest.task_time(minutes_per_call / 60)),
    )
