"""The least that a batch fleet needs, for a month that has cost too much."""

import math

from stacks.capacity.fleet import ACCEPTABLE_LATENCY_SHARE, PLANNED_SHARE, Plan
from stacks.capacity.workload import Workload


def tasks_for_deadline(*, workload: Workload, plan: Plan, max_audio_seconds: int) -> int:
    """The fewest tasks that finish a batch within its whole window, without the reserve of the plan.

    The plan's fleet is done in three quarters of the window, so that people can still act. A slower fleet costs the same for
    the same work; but more work than was planned waits, instead of being paid.
    """
    slowest = plan.speed.limiting
    longest = slowest.task_time(max_audio_seconds / 3600)
    latency = ACCEPTABLE_LATENCY_SHARE * (PLANNED_SHARE * workload.due_hours - longest)
    work = slowest.task_time(workload.audio_hours)
    # A fleet works while recordings arrive, too; but a burst has to be done after it came.
    whole = work / (workload.window_hours - longest - latency)
    part = work / workload.parts / (workload.due_hours - longest - latency)
    return min(plan.batch_max_tasks, max(1, math.ceil(max(whole, part))))
