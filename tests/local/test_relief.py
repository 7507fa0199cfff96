"""Spot that falls short, played with the policies of the templates."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.capacity.relief import RELIEF_NEEDED_MINUTES, SPOT_SHARE
from tests.local.world import World, world
from tests.stacks.factory import LIVE
from tests.stacks.synthesis import Template, synthesize

QUARTER = int(SPOT_SHARE * LIVE.plan.batch_max_tasks)
WINDOW = round(60 * LIVE.workload.window_hours)


def week(live: World) -> int:
    """A week's calls arrive at once; how many minutes they take, at most a quarter more than the window has."""
    live.minute(arrivals=round(live.environment.workload.calls))
    return live.drain(minutes=WINDOW * 5 // 4)


@pytest.mark.parametrize("seed", [1, 2])
def test_relief_keeps_the_deadline_when_spot_grants_a_quarter(line: Mapping[str, Template], seed: int) -> None:
    """It joins within two hours, in time, and is gone when the work is; no call is interrupted for it."""
    live = world(line, LIVE, seed=seed, granted=QUARTER)
    took = week(live)
    assert took <= WINDOW
    joined = next(minute for minute, tasks in enumerate(live.relieving) if tasks)
    assert RELIEF_NEEDED_MINUTES <= joined <= 120
    assert max(live.relieving) <= LIVE.plan.relief_max_tasks
    for _ in range(60):
        live.minute()
    assert (live.wanted[-1], live.relieving[-1]) == (0, 0)
    assert not live.workers
    assert (live.interrupted, live.below) == (0, 0)


def test_deadline_is_missed_without_relief(tmp_path: Path) -> None:
    """The same week on the same quarter of the tasks."""
    alone = replace(LIVE, relief=False)
    live = world(synthesize([alone], tmp_path), alone, granted=QUARTER)
    assert live.relief is None
    assert week(live) > WINDOW


def test_relief_does_all_the_work_if_spot_grants_none(line: Mapping[str, Template]) -> None:
    """The plan's average call and speed stand in for workers that tell nothing, and the Spot fleet sleeps afterwards."""
    live = world(line, LIVE, granted=0)
    live.minute(arrivals=2000)
    live.drain(minutes=WINDOW)
    assert not live.queue
    for _ in range(60):
        live.minute()
    assert (live.wanted[-1], live.relieving[-1], live.below) == (0, 0, 0)


def test_relieved_fleet_wakes_for_the_next_call(line: Mapping[str, Template]) -> None:
    """Relief that still works would keep a sleeping Spot fleet from waking, so that it leaves first."""
    live = world(line, LIVE, granted=QUARTER)
    live.minute(arrivals=3000)
    live.drain(minutes=WINDOW)
    gone = False
    for _ in range(60):
        live.minute()
        gone = gone or not live.relieving[-1]
        assert gone or live.wanted[-1]
    live.minute(arrivals=1)
    assert live.drain(minutes=60) < 60
