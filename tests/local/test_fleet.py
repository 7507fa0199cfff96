"""A week's calls, simulated with the scaling policies of the templates."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from local import fleet
from local.fleet import Service
from stacks.environments import Environment, emulated
from tests.local.world import START_MINUTES, world
from tests.service.clock import Clock
from tests.stacks.factory import LIVE
from tests.stacks.synthesis import Template


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_week_of_production_is_done_in_time(line: Mapping[str, Template], seed: int) -> None:
    """A week's calls arrive at once: the fleet grows from one task to all of them and back to none, as fast as planned, without relief."""
    live = world(line, LIVE, seed=seed)
    live.minute(arrivals=round(live.environment.workload.calls))
    took = live.drain(minutes=round(60 * live.environment.workload.window_hours))
    for _ in range(60):
        live.minute()
    steps = [wanted for before, wanted in zip(live.wanted, live.wanted[1:], strict=False) if wanted != before]
    assert steps[0] == 1
    assert max(steps) == live.environment.plan.batch_max_tasks
    assert steps[-1] == 0
    assert not live.fleet.service.tasks
    assert (live.interrupted, live.below) == (0, 0)
    assert took <= 60 * live.environment.plan.hours_to_finish
    assert max(live.relieving) == 0


@pytest.mark.parametrize("environment", [emulated(), LIVE], ids=lambda environment: environment.name)
def test_single_call_needs_a_single_task(
    templates: Mapping[str, Template], line: Mapping[str, Template], environment: Environment
) -> None:
    """One message starts one task, which ends after the call is done."""
    quiet = world({**templates, **line}, environment)
    quiet.minute(arrivals=1)
    quiet.drain(minutes=60)
    for _ in range(60):
        quiet.minute()
    assert (max(quiet.wanted), quiet.wanted[-1], len(quiet.started)) == (1, 0, 1)
    assert (quiet.interrupted, quiet.below) == (0, 0)
    assert not quiet.queue


def test_fleet_waits_for_spot_and_then_grows(line: Mapping[str, Template]) -> None:
    """For six hours one task is wanted, two while metrics are late; once it starts, the others follow within minutes.

    Relief, which would work meanwhile, has a test of its own.
    """
    live = world(line, LIVE)
    live.relief = None
    live.minute(arrivals=2000)
    for _ in range(6 * 60):
        for worker in live.fleet.service.tasks:
            worker.starting = START_MINUTES
        live.minute(arrivals=1)
    assert max(live.wanted) <= 2
    for _ in range(10):
        live.minute()
    assert live.fleet.service.wanted > 20


def test_steady_load_keeps_a_small_fleet(line: Mapping[str, Template]) -> None:
    """Calls of an office day: the fleet stays far below its limit, and no call is interrupted."""
    live = world(line, LIVE)
    for _ in range(8 * 60):
        live.minute(arrivals=live.chance.choice([0, 1, 2]))
    live.drain(minutes=12 * 60)
    assert max(live.wanted) < live.environment.plan.batch_max_tasks / 2
    assert (live.interrupted, live.below) == (0, 0)
    assert not live.queue


@dataclass(eq=False)
class Idle:
    """A task without work."""

    protected: bool = False
    stopping: bool = False
    running: bool = True
    alive: bool = True

    def stop(self) -> None:
        """Start to stop."""
        self.stopping = True

    def tend(self) -> bool:
        """Whether it is running."""
        return self.alive


def test_service_starts_missing_tasks() -> None:
    """A task that died is replaced, and so is one that is stopping."""
    service = Service(Idle, wanted=3)
    service.tend()
    dead, stopping, staying = service.tasks
    dead.alive, stopping.stopping = False, True
    service.tend()
    assert len(service.tasks) == 4
    assert service.tasks[:2] == [stopping, staying]
    assert len(service.staying) == 3


def test_service_stops_no_protected_task() -> None:
    """Scaling in stops the others, and stops this one once its protection ends."""
    service = Service(Idle, wanted=3)
    service.tend()
    busy = service.tasks[0]
    busy.protected, service.wanted = True, 0
    service.tend()
    assert [task.stopping for task in service.tasks] == [False, True, True]
    busy.protected = False
    service.tend()
    assert busy.stopping


def deployed(protected: int, *, wanted: int = 3) -> tuple[Service[Idle], list[Idle]]:
    """A service of a new version, and its tasks of the old one, of which some are protected."""
    service = Service(Idle, wanted=wanted)
    service.tend()
    old = list(service.tasks)
    for task in old[:protected]:
        task.protected = True
    service.deploy(Idle)
    service.tend()
    return service, old


def test_deployment_replaces_free_tasks_at_once_and_protected_ones_when_they_end_their_protection() -> None:
    """The new ones start beside them, twice as many as are wanted at most."""
    service, old = deployed(protected=2)
    assert [task.stopping for task in old] == [False, False, True]
    assert len(service.tasks) == 6
    assert service.deploying
    for task in old:
        task.protected = False
    service.tend()
    assert all(task.stopping for task in old)
    for task in old:
        task.alive = False
    service.tend()
    assert not service.deploying
    assert len(service.staying) == len(service.tasks) == 3


def test_service_with_as_many_protected_tasks_as_it_wants_protects_no_other() -> None:
    """A new task is refused while the old ones work; so is any task of a fleet that was scaled in below its work."""
    service, old = deployed(protected=3)
    assert service.blocked()
    old[0].protected = False
    assert not service.blocked()
    service.wanted = 2
    assert service.blocked()


def test_service_acts_on_a_task_once_it_is_free_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two messages a task is unprotected for milliseconds, which ECS does not see."""
    clock = Clock()
    monkeypatch.setattr(fleet, "time", clock)
    service = Service(Idle, wanted=1, notice_seconds=0.25)
    service.tend()
    (task,) = service.tasks
    service.wanted = 0
    # Protected, free for a moment between two messages, protected again, and then free for good: each for an eighth of a second.
    for protected in (True, False, True, False):
        task.protected = protected
        service.tend()
        clock.now += 0.125
        service.tend()
        assert not task.stopping
    clock.now += 0.125
    service.tend()
    assert task.stopping
