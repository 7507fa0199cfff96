"""The rules that a plan is simulated with are those of the templates."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.arithmetic import Number
from local.scaling import AGE, ARRIVALS, GAUGES, RELIEF, RUNNING, TASKS, WAITING, WORKERS, WORKING, Scaling
from service.contract import Gauge
from stacks.capacity.relief import ReliefRules, missing_tasks
from stacks.capacity.scaling import FleetRules, Observed
from tests.stacks.factory import LIVE
from tests.stacks.synthesis import Template

PLAN = LIVE.plan
# A template is only read.
STEADY = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
counts = st.none() | st.sampled_from([0, 0, 1, 2, 5, 40, 400, 4000])
# Stretches of equal minutes are long enough for the slowest rule, or too short for the fastest.
lengths = st.integers(1, 35)
Read = Callable[[str], Scaling]


@pytest.fixture
def read(line: Mapping[str, Template]) -> Read:
    """The scaling of a fleet in production's template, before its first minute."""
    return lambda fleet: Scaling.read(line["live/Batch"].body, fleet)


@STEADY
@given(
    stretches=st.lists(
        st.tuples(lengths, counts, counts, st.booleans(), st.none() | st.sampled_from([0, 3])), max_size=8
    )
)
def test_fleet_is_scaled_alike(read: Read, stretches: list[tuple[Any, ...]]) -> None:
    """Whatever the metrics of the minutes are, gaps included, both ask for the same number of tasks."""
    template = read(WORKERS)
    rules = FleetRules(max_tasks=PLAN.batch_max_tasks, backlog_per_task=round(PLAN.backlog_per_task, 2))
    tasks = 0
    for length, waiting, working, reported, arrivals in stretches:
        for _ in range(length):
            told: Number = tasks if tasks and reported else None
            change = template.minute({WAITING: waiting, WORKING: working, TASKS: told, ARRIVALS: arrivals}, tasks=tasks)
            seen = Observed(waiting=waiting, working=working, tasks=told, arrivals=arrivals)
            after = change.tasks if change else tasks
            assert rules.minute(seen, tasks=tasks) == after
            tasks = after


@STEADY
@given(
    stretches=st.lists(
        st.tuples(
            lengths,
            st.sampled_from([0, 1, 500, 20_000]),
            st.integers(0, 80),
            st.floats(0, PLAN.relief_joins_seconds * 1.2),
            st.integers(0, PLAN.batch_max_tasks),
            st.sampled_from([0.4, 1.0, 8.0]),
        ),
        max_size=8,
    )
)
def test_relief_is_scaled_alike(read: Read, stretches: list[tuple[Any, ...]]) -> None:
    """As many tasks are missing by the metric math as by the plan's rule, and as many join and leave."""
    template, workers = read(RELIEF), read(WORKERS).service
    rules = ReliefRules(max_tasks=PLAN.relief_max_tasks)
    call, rest, tasks = 360.0, 200.0, 0
    for length, waiting, working, age, spot, pace in stretches:
        for _ in range(length):
            told = {Gauge.CALL_SECONDS: call, Gauge.REST_SECONDS: rest, Gauge.PACE: pace}
            minute = {WAITING: waiting, WORKING: working, AGE: age, (*RUNNING, workers): spot, TASKS: tasks}
            change = template.minute({**minute, **{GAUGES[name]: value for name, value in told.items()}}, tasks=tasks)
            missing = missing_tasks(
                oldest_seconds=age,
                backlog_audio_seconds=waiting * call + working * rest,
                joins_seconds=PLAN.relief_joins_seconds,
                spot_tasks=spot,
                relief_tasks=tasks,
                audio_seconds_per_task_second=pace * PLAN.speed.busy_share,
            )
            after = change.tasks if change else tasks
            assert rules.minute(missing=missing, waiting=waiting, working=working, tasks=tasks) == after
            tasks = after
