"""A fleet for old recordings takes the rest of the quota, and is refused with the numbers otherwise."""

from dataclasses import replace

import pytest

from stacks.capacity import Backfill, Plan, Speed, UnreachableDeadline, plan_backfill
from tests.stacks.factory import LIVE

WEEK = LIVE.plan
SPEED = Speed(audio_seconds_per_second=10, slowest=5, cpu=4096, source="test", measured=True, busy_share=0.5)


def fleet(*, audio_hours: float = 9000, days: float = 10, spot_vcpus: float = 1024, week: Plan = WEEK) -> Backfill:
    """A fleet of tasks of four vCPU that do five audio hours in an hour, half of that on the slowest hosts."""
    return plan_backfill(
        audio_hours=audio_hours,
        days=days,
        minutes_per_call=6,
        speed=SPEED,
        spot_vcpus=spot_vcpus,
        week=week,
        lanes=2,
    )


def test_fleet_is_the_smallest_that_keeps_a_quarter_of_its_days_in_reserve() -> None:
    """9000 audio hours are 3600 task-hours on the slowest hosts: twenty tasks for 180 of 240 hours."""
    found = fleet()
    assert found.tasks == 20
    assert found.days == pytest.approx(7.5)
    assert found.task_hours == pytest.approx(1800)


def test_longer_backfill_needs_fewer_tasks_for_the_same_work() -> None:
    """A small quota needs more time; the price stays."""
    long = fleet(days=40)
    assert long.tasks == 5
    assert long.task_hours == fleet().task_hours


def test_week_keeps_its_tasks_of_the_quota() -> None:
    """The room is the quota without the week's fleet: one vCPU less than both need is refused, with the days that would do."""
    needed = 4 * (WEEK.batch_max_tasks + 20)
    assert fleet(spot_vcpus=needed).tasks == 20
    with pytest.raises(
        UnreachableDeadline, match=r"^backfill\.days: got '10', expected 11 or more, or a larger spot_vcpus: "
    ) as no:
        fleet(spot_vcpus=needed - 1)
    assert "20 tasks of 4 vCPU would do, and the week's fleet leaves room for 19" in str(no.value)
    assert fleet(spot_vcpus=needed - 1, days=11).tasks <= 19


def test_quota_that_the_week_needs_alone_is_named() -> None:
    """No number of days helps then."""
    with pytest.raises(UnreachableDeadline, match=r"expected a larger spot_vcpus: .* leaves room for 0$"):
        fleet(spot_vcpus=4 * WEEK.batch_max_tasks)


def test_backlog_of_a_task_is_an_hour_of_its_work() -> None:
    """The fleet grows only if a message would wait longer, and never for calls that are already in hand."""
    assert fleet().backlog_per_task == pytest.approx(25)
    slow = replace(SPEED, audio_seconds_per_second=0.1, slowest=None)
    assert (
        plan_backfill(
            audio_hours=1, days=30, minutes_per_call=60, speed=slow, spot_vcpus=1024, week=WEEK, lanes=2
        ).backlog_per_task
        == 2
    )
