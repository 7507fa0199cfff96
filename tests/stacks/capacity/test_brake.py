"""The fewest tasks that the deadline needs, for a month that has cost too much."""

from dataclasses import replace

import pytest

from stacks.capacity import Arrival, tasks_for_deadline
from tests.stacks.factory import LIVE, TRIAL


@pytest.mark.parametrize("environment", [LIVE, TRIAL], ids=lambda environment: environment.name)
def test_fewest_tasks_finish_within_the_window(environment: object) -> None:
    """One task fewer would be late: the whole window is used, which the plan's fleet does not."""
    assert isinstance(environment, type(LIVE))
    plan, workload, longest = environment.plan, environment.workload, environment.settings.max_audio_seconds
    needed = tasks_for_deadline(workload=workload, plan=plan, max_audio_seconds=longest)
    slowest = plan.speed.limiting
    work, last = slowest.task_time(workload.audio_hours), slowest.task_time(longest / 3600)
    assert needed < plan.batch_max_tasks
    assert work / needed + last <= workload.window_hours
    assert work / (needed - 1) + last > 0.93 * workload.window_hours


def test_smallest_fleet_has_one_task() -> None:
    """A fleet of one is not slowed to none."""
    small = replace(LIVE.workload, agents=1, days_per_batch=1, window_hours=24, api_audio_hours_in_busy_hour=0)
    environment = replace(LIVE, workload=small)
    assert tasks_for_deadline(workload=small, plan=environment.plan, max_audio_seconds=5400) == 1


def test_arrivals_over_hours_need_no_more_than_all_at_once() -> None:
    """The fleet works on early recordings while later ones arrive."""
    hours = replace(LIVE.workload, arrival=Arrival.OPEN_HOURS, arrival_hours=10)
    spread = replace(LIVE, workload=hours)
    at_once = tasks_for_deadline(workload=LIVE.workload, plan=LIVE.plan, max_audio_seconds=5400)
    assert tasks_for_deadline(workload=hours, plan=spread.plan, max_audio_seconds=5400) <= at_once
