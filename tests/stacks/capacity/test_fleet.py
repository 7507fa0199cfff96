"""The fleet keeps the deadline and grows with the work; a deadline out of reach is refused in one line."""

import doctest
import heapq
import math
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.capacity import Limits, Plan, Speed, UnreachableDeadline, Workload, fleet, plan, prices

WEEK = Workload(agents=100, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=5, window_hours=60)
SPEED = Speed(audio_seconds_per_second=0.5, cpu=2048, source="a test", measured=False)
# The machine may be busy with other tests.
UNTIMED = settings(deadline=None)
LIMITS = Limits(spot_vcpus=1e6, on_demand_vcpus=1e6, max_audio_seconds=5400, job_deadline_seconds=14_400)

workloads = st.builds(
    Workload,
    agents=st.integers(1, 300),
    calls_per_agent_per_day=st.floats(1, 60),
    talk_minutes_per_call=st.floats(0.5, 20),
    days_per_batch=st.just(5),
    window_hours=st.floats(24, 120),
    api_audio_hours_in_busy_hour=st.floats(0, 50),
)
speeds = st.builds(
    Speed,
    audio_seconds_per_second=st.floats(0.5, 40),
    cpu=st.sampled_from((1024, 2048, 4096)),
    source=st.just("a test"),
    measured=st.booleans(),
    busy_share=st.floats(0.3, 1),
)


def rehearse(workload: Workload, speed: Speed, result: Plan) -> float:
    """Hours that a fleet which follows the plan takes for a batch of equal calls, the last of them the longest accepted.

    It has all of its tasks from the beginning, and keeps them while a call waits.
    """
    calls = math.ceil(workload.calls)
    lengths = [workload.talk_minutes_per_call / 60] * (calls - 1) + [LIMITS.max_audio_seconds / 3600]
    waiting, ends, now = iter(lengths), list[float](), 0.0
    tasks = min(result.batch_max_tasks, math.ceil(calls / result.backlog_per_task))
    for _ in range(calls):
        while len(ends) < tasks and (length := next(waiting, None)) is not None:
            heapq.heappush(ends, now + speed.task_time(length))
        now = heapq.heappop(ends)
    return now


@pytest.mark.parametrize("module", [fleet, prices], ids=lambda module: module.__name__)
def test_worked_example_holds(module: ModuleType) -> None:
    """The examples in docstrings are true."""
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


@settings(UNTIMED, max_examples=60)
@given(workload=workloads, speed=speeds)
def test_fleet_keeps_the_deadline_when_rehearsed(workload: Workload, speed: Speed) -> None:
    """A fleet that follows the scaling policy finishes by the planned time, with a quarter of the window left."""
    result = plan(workload=workload, speed=speed, limits=LIMITS)
    assert rehearse(workload, speed, result) <= result.hours_to_finish * 1.000001
    assert result.hours_to_finish * 3600 <= result.oldest_message_alarm_seconds + 1
    assert result.oldest_message_alarm_seconds <= 0.75 * workload.window_hours * 3600


@UNTIMED
@given(workload=workloads, speed=speeds)
def test_fleet_is_the_smallest_that_plans_to_finish_in_time(workload: Workload, speed: Speed) -> None:
    """With one task fewer, the work and the growth of the fleet take longer than planned."""
    result = plan(workload=workload, speed=speed, limits=LIMITS)
    fewer = result.batch_max_tasks - 1
    planned = 0.75 * workload.window_hours - speed.task_time(LIMITS.max_audio_seconds / 3600)
    assert fewer == 0 or result.task_hours / fewer + planned / 20 > planned


@UNTIMED
@given(workload=workloads, speed=speeds, more=st.integers(1, 300))
def test_more_agents_never_need_fewer_tasks(workload: Workload, speed: Speed, more: int) -> None:
    """More work never shrinks the fleet."""
    grown = replace(workload, agents=workload.agents + more)
    before, after = (plan(workload=each, speed=speed, limits=LIMITS) for each in (workload, grown))
    assert after.batch_max_tasks >= before.batch_max_tasks
    assert after.audio_hours > before.audio_hours


@UNTIMED
@given(workload=workloads, speed=speeds, times=st.floats(1, 10))
def test_faster_tasks_are_never_more(workload: Workload, speed: Speed, times: float) -> None:
    """A faster engine needs smaller fleets, for the batch and for the API."""
    faster = replace(speed, audio_seconds_per_second=speed.audio_seconds_per_second * times)
    before, after = (plan(workload=workload, speed=each, limits=LIMITS) for each in (speed, faster))
    assert after.batch_max_tasks <= before.batch_max_tasks
    assert after.api_max_tasks <= before.api_max_tasks
    assert after.api_requests_per_task_per_minute >= before.api_requests_per_task_per_minute


def test_ten_times_the_agents_need_about_ten_times_the_tasks() -> None:
    """The fleet is linear in the work."""
    small, large = (plan(workload=replace(WEEK, agents=n), speed=SPEED, limits=LIMITS) for n in (100, 1000))
    assert large.batch_max_tasks / small.batch_max_tasks == pytest.approx(10, rel=0.01)


def test_backlog_target_is_acceptable_latency_over_processing_time() -> None:
    """With this backlog per task, the last message waits no longer than is acceptable."""
    result = plan(workload=WEEK, speed=SPEED, limits=LIMITS)
    planned_hours = 0.75 * 60 - SPEED.task_time(1.5)
    assert result.backlog_per_task == pytest.approx(planned_hours / 20 / SPEED.task_time(0.1))
    assert result.processing_seconds_per_call == 720


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_backlog_target_is_at_least_the_calls_that_a_task_works_on(lanes: int) -> None:
    """A lower target would grow a fleet whose queue is empty: the calls in hand are part of the backlog."""
    short = replace(WEEK, agents=1, window_hours=12, talk_minutes_per_call=30)
    limits = replace(LIMITS, max_audio_seconds=1800, lanes=lanes)
    assert plan(workload=short, speed=SPEED, limits=limits).backlog_per_task == lanes


def test_api_fleet_carries_the_busy_hour_with_headroom() -> None:
    """At the scaling target, the largest fleet answers the busiest hour and still has its headroom."""
    workload = replace(WEEK, api_audio_hours_in_busy_hour=10)
    result = plan(workload=workload, speed=SPEED, limits=replace(LIMITS, api_min_tasks=2, api_headroom=0.5))
    busy_requests_per_minute = 10 * 60 / workload.talk_minutes_per_call / 60
    needed = busy_requests_per_minute / result.api_requests_per_task_per_minute
    assert needed <= result.api_max_tasks * 1.000001 < needed + 1
    assert result.api_min_tasks == 2


@pytest.mark.parametrize(("least", "most"), [(0, 1), (1, 1), (3, 3)])
def test_api_fleet_has_a_task_when_no_calls_are_expected(least: int, most: int) -> None:
    """An API without an expected load still answers, and never has fewer tasks than its minimum."""
    assert plan(workload=WEEK, speed=SPEED, limits=replace(LIMITS, api_min_tasks=least)).api_max_tasks == most


def test_month_has_the_working_days_of_a_twelfth_of_a_year() -> None:
    """Budgets are monthly: 2000 hours a week are 8667 a month, for weekly and for nightly batches."""
    nightly = replace(WEEK, days_per_batch=1, window_hours=12)
    assert WEEK.audio_hours_per_month == pytest.approx(2000 * 52 / 12)
    assert nightly.audio_hours_per_month == pytest.approx(WEEK.audio_hours_per_month)


def test_assumed_speed_is_marked_as_assumed() -> None:
    """It cannot be taken for a measurement."""
    assert not Speed.assumed(cpu=2048).measured


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("agents", 0, "a whole number, 1 or more"),
        ("agents", 2.5, "a whole number"),
        ("calls_per_agent_per_day", 0, "a number above 0"),
        ("talk_minutes_per_call", -6, "a number above 0"),
        ("talk_minutes_per_call", math.nan, "a number above 0"),
        ("days_per_batch", 0, "a whole number, 1 or more"),
        ("days_per_week", 8, "a whole number, from 1 to 7"),
        ("window_hours", 0, "more than 0 and at most 120, or the next batch lands before this one is due"),
        ("window_hours", 121, "more than 0 and at most 120, or the next batch lands before this one is due"),
        ("api_audio_hours_in_busy_hour", -1, "0 or more"),
    ],
)
def test_workload_is_refused_when_a_value_does_not_fit(field: str, value: Any, expected: str) -> None:
    """One line names the field, the value and the expectation."""
    with pytest.raises(ValueError, match=r"^workload\.") as refused:
        replace(WEEK, **{field: value})
    assert str(refused.value) == f"workload.{field}: got '{value}', expected {expected}"


@pytest.mark.parametrize(
    ("field", "value"), [("audio_seconds_per_second", 0), ("cpu", 0), ("source", " "), ("busy_share", 1.1)]
)
def test_speed_is_refused_when_a_value_does_not_fit(field: str, value: Any) -> None:
    """A speed needs a source and a possible value."""
    with pytest.raises(ValueError, match=rf"^speed\.{field}: got '{value}', expected "):
        replace(SPEED, **{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spot_vcpus", 0),
        ("on_demand_vcpus", -1),
        ("max_audio_seconds", 0),
        ("job_deadline_seconds", 0),
        ("lanes", 0),
        ("api_min_tasks", -1),
        ("api_headroom", -0.1),
    ],
)
def test_limits_are_refused_when_a_value_does_not_fit(field: str, value: Any) -> None:
    """Limits are above zero."""
    with pytest.raises(ValueError, match=rf"^limits\.{field}: got '{value}', expected "):
        replace(LIMITS, **{field: value})


def test_average_call_is_refused_when_longer_than_the_longest() -> None:
    """The service would refuse most of such calls."""
    few = replace(WEEK, calls_per_agent_per_day=10, talk_minutes_per_call=91)
    with pytest.raises(ValueError, match=r"^workload\.talk_minutes_per_call: got '91', expected at most 90, "):
        plan(workload=few, speed=SPEED, limits=LIMITS)


@pytest.mark.parametrize(
    ("workload", "limits", "message"),
    [
        (
            WEEK,
            replace(LIMITS, spot_vcpus=64),
            "limits.spot_vcpus: got '64', expected 274 or more: 5333.3 task-hours in time need 137 tasks of 2 vCPU",
        ),
        (
            replace(WEEK, api_audio_hours_in_busy_hour=100),
            replace(LIMITS, on_demand_vcpus=16),
            "limits.on_demand_vcpus: got '16', expected 1336 or more: deploys at 100 API audio hours need 668 tasks of 2 vCPU",
        ),
        (
            replace(WEEK, window_hours=5),
            LIMITS,
            (
                "workload.window_hours: got '5', expected a longer window: no fleet can finish 5333.3 task-hours"
                " and a last call of 4.0 hours in time"
            ),
        ),
        (
            WEEK,
            replace(LIMITS, job_deadline_seconds=3600),
            "limits.job_deadline_seconds: got '3600', expected 10800 or more, for a call of 5400 s at 0.5 times real time",
        ),
    ],
    ids=["spot-quota", "on-demand-quota", "window", "job-deadline"],
)
def test_deadline_is_refused_with_the_numbers_when_out_of_reach(
    workload: Workload, limits: Limits, message: str
) -> None:
    """The line gives the limit, the number that is needed, and the reason."""
    with pytest.raises(UnreachableDeadline) as refused:
        plan(workload=workload, speed=SPEED, limits=limits)
    assert str(refused.value) == message
