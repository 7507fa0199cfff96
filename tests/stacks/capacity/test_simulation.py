"""The replay of a week: what is certain comes out exactly, and the plan's promises hold in it."""

import doctest
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.capacity import Arrival, Limits, Plan, Speed, Workload, plan
from stacks.capacity.simulation import (
    LOCAL,
    Batch,
    Behaviour,
    Case,
    Grant,
    Outcome,
    Replay,
    drain,
    lengths,
    local,
    week,
)

WEEK = Workload(agents=8, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=5, window_hours=30)
NIGHTS = replace(WEEK, days_per_batch=1, window_hours=12)
SPEED = Speed(audio_seconds_per_second=1.5, cpu=2048, source="a test", measured=True)
LIMITS = Limits(spot_vcpus=1e6, on_demand_vcpus=1e6, max_audio_seconds=5400, job_deadline_seconds=14_400, lanes=2)
# The slowest that is assumed: metrics three minutes late, and five minutes for each start.
SLOW = Behaviour(metric_minutes=3, start_seconds=(300.0, 300.0, 300.0))


def case(workload: Workload = WEEK, *, behaviour: Behaviour = SLOW, limits: Limits = LIMITS) -> Case:
    """The fleet that is planned for a workload."""
    fleet = plan(workload=workload, speed=SPEED, limits=limits)
    return Case(plan=fleet, workload=workload, behaviour=behaviour, longest_seconds=5400, lanes=2)


def short(share: float) -> Behaviour:
    """Spot that grants this share of the tasks from the beginning."""
    return replace(SLOW, grants=(Grant(seconds=0, share=share),))


def test_example_holds() -> None:
    """The docstring's backlog takes the time it says."""
    assert doctest.testmod(local) == (0, 1)


@pytest.mark.parametrize(("calls", "workers", "rounds"), [(1, 1, 1), (24, 1, 24), (24, 2, 12), (25, 2, 13), (3, 8, 1)])
def test_backlog_of_equal_calls_takes_as_many_rounds_as_the_workers_need(calls: int, workers: int, rounds: int) -> None:
    """With workers that run already, and nothing late or lost, there is nothing to chance."""
    outcome = drain(calls=calls, seconds_per_call=7.5, workers=workers)
    assert outcome.drain_seconds == pytest.approx(rounds * 7.5)
    assert outcome.busy_hours == pytest.approx(calls * 7.5 / 3600)


def test_call_takes_its_overhead_beside_its_length() -> None:
    """Downloads and writes are not the engine's work."""
    outcome = drain(calls=10, seconds_per_call=2, workers=1, behaviour=replace(LOCAL, call_overhead_seconds=0.5))
    assert outcome.drain_seconds == pytest.approx(25)


@pytest.mark.parametrize("workload", [WEEK, NIGHTS], ids=["week", "nights"])
def test_same_seed_gives_the_same_week(workload: Workload) -> None:
    """A report can be repeated, and two seeds differ."""
    first, again, other = (case(workload).replay(seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_batch_of_a_week_is_drained() -> None:
    """Five nights, each within its own window; afterwards the fleet sleeps until the next."""
    outcome = case(NIGHTS).replay()
    assert len(outcome.batches) == 5
    assert outcome.audio_hours == pytest.approx(NIGHTS.audio_hours * 5, rel=0.02)
    assert not outcome.missed
    assert {sample.running for sample in outcome.samples if sample.seconds % 86_400 > 11 * 3600} <= {0}


patterns = st.sampled_from(
    [
        {},
        {"arrival": Arrival.OPEN_HOURS, "arrival_hours": 10.0},
        {"arrival": Arrival.BURSTS, "arrival_hours": 10.0, "bursts": 4},
    ]
)


@settings(deadline=None, max_examples=8)
@given(agents=st.integers(2, 20), window=st.floats(24, 60), pattern=patterns, seed=st.integers(0, 1000))
def test_fleet_that_spot_grants_finishes_as_planned_and_is_never_relieved(
    agents: int, window: float, pattern: dict[str, object], seed: int
) -> None:
    """On the plan's slowest hosts, with the latest metrics, the slowest starts and Spot's usual interruptions."""
    workload = replace(WEEK, agents=agents, window_hours=window, **pattern)  # type: ignore[arg-type]
    planned = case(workload)
    outcome = planned.replay(seed=seed)
    assert outcome.drain_seconds <= planned.plan.hours_to_finish * 3600
    assert outcome.relief_hours == 0


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 0.9])
@pytest.mark.parametrize(
    "pattern", [{}, {"arrival": Arrival.BURSTS, "arrival_hours": 10.0, "bursts": 4}], ids=["at once", "bursts"]
)
def test_relief_keeps_the_deadline_when_spot_grants_only_a_share(share: float, pattern: dict[str, object]) -> None:
    """A quarter is what it is sized for; with less, the shares that the plan leaves in reserve still do."""
    workload = replace(WEEK, **pattern)  # type: ignore[arg-type]
    outcome = case(workload, behaviour=short(share)).replay()
    assert not outcome.missed
    assert max(sample.relief for sample in outcome.samples) <= case(workload).plan.relief_max_tasks


def test_without_relief_a_quarter_of_spot_misses_the_deadline() -> None:
    """Otherwise relief would be no help that a test could see."""
    alone = case(behaviour=short(0.25), limits=replace(LIMITS, relief=False))
    assert alone.plan.relief_max_tasks == 0
    assert alone.replay().missed


def test_relief_helps_when_spot_fails_in_the_middle() -> None:
    """The rest is done in time although nobody knew of it at the beginning."""
    half = case().plan.hours_to_finish / 2 * 3600
    outcome = case(behaviour=replace(SLOW, grants=(Grant(seconds=half, share=0.0),))).replay()
    assert not outcome.missed
    assert outcome.relief_hours > 0
    assert outcome.interruptions >= case().plan.batch_max_tasks


def test_relief_is_gone_when_the_queue_is_empty() -> None:
    """It leaves when it has nothing to do, and before the last minute of the week."""
    outcome = case(behaviour=short(0.25)).replay()
    assert outcome.samples[-1].relief == 0


def test_interrupted_calls_are_transcribed_by_others() -> None:
    """Spot takes each task every ten minutes, without notice: calls begin again, and none is lost."""
    hasty = replace(SLOW, kills_per_task_hour=6, stop_seconds=0, length_spread=0)
    outcome = case(replace(WEEK, agents=2), behaviour=hasty).replay()
    assert outcome.repeats > 0
    # Of a repeated call, only the run that ended counts as work.
    assert outcome.busy_hours * 3600 * 1.5 * (1 - hasty.resting_share) == pytest.approx(outcome.audio_hours * 3600)
    assert outcome.busy_share < case(replace(WEEK, agents=2)).replay().busy_share


def test_notice_of_spot_is_time_for_the_call_in_hand() -> None:
    """Calls that end within the notice are not begun again."""
    given_notice = replace(SLOW, kills_per_task_hour=2, stop_seconds=600, length_spread=0)
    outcome = case(replace(WEEK, agents=2), behaviour=given_notice).replay()
    assert outcome.interruptions > 0
    assert outcome.repeats == 0


def test_one_call_wakes_one_task_and_lets_it_sleep() -> None:
    """It starts within minutes, works, and is gone after a quiet quarter of an hour."""
    outcome = replay(case().plan, [Batch(due=3600 * 60, arrivals=[0.0])])
    assert max(sample.desired for sample in outcome.samples) == 1
    assert outcome.batches[0].seconds < 1800
    # In the minute after the last sample, nothing is left to be measured.
    assert outcome.samples[-1].seconds < 3600
    assert outcome.spot_hours < 1


def test_tasks_that_are_always_on_demand_outlast_spot() -> None:
    """They are the first of the fleet, and Spot takes the others only."""
    base = replace(case(behaviour=short(0.0), limits=replace(LIMITS, relief=False)), always_on_demand=3)
    outcome = base.replay()
    assert max(sample.running for sample in outcome.samples) == 3
    assert outcome.spot_hours == 0
    assert outcome.on_demand_hours > 0


def test_chances_are_ordered_and_repeatable() -> None:
    """The p90 is not below the p50, and a seed gives the same weeks."""
    small = case(replace(WEEK, agents=2))
    chances, again = (small.chances(runs=5, seed=3) for _ in range(2))
    usual, bad = (chances.reached(share, lambda week: week.drain_seconds) for share in (0.5, 0.9))
    assert usual <= bad
    assert chances == again
    assert chances.runs == 5
    assert 0 <= chances.missed_share <= 1


def test_recordings_have_the_workloads_average_and_no_longest() -> None:
    """Lengths spread, and the sum of a batch is that of the workload."""
    drawn = lengths(WEEK, spread=0.8, longest=3000, chance=random.Random(1))
    assert sum(drawn) / len(drawn) == pytest.approx(360, rel=0.02)
    assert max(drawn) <= 3000
    assert lengths(WEEK, spread=0, longest=3000, chance=random.Random(1)) == [360]


@pytest.mark.parametrize(
    ("pattern", "hours"),
    [
        ({}, {0.0}),
        ({"arrival": Arrival.BURSTS, "arrival_hours": 9.0, "bursts": 4}, {0.0, 3.0, 6.0, 9.0}),
    ],
    ids=["at once", "bursts"],
)
def test_recordings_arrive_in_their_pattern(pattern: dict[str, object], hours: set[float]) -> None:
    """The first as the window begins, the last after the hours of arrival."""
    workload = replace(WEEK, **pattern)  # type: ignore[arg-type]
    (batch,) = week(workload, chance=random.Random(1))
    assert {arrived / 3600 for arrived in batch.arrivals} == hours
    assert len(batch.arrivals) == workload.calls


def replay(fleet: Plan, batches: Sequence[Batch]) -> Outcome:
    """A week of a few calls of six minutes each."""
    return Replay(plan=fleet, batches=batches, lengths=[360.0], behaviour=SLOW, lanes=2).run()
