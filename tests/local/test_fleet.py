"""A week's calls, simulated with the scaling policies of the templates."""

import random
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from local.arithmetic import Number
from local.fleet import Fleet, Service
from local.scaling import ARRIVALS, TASKS, WAITING, WORKING, Metric, Scaling
from stacks.environments import Environment, emulated
from tests.stacks.factory import LIVE
from tests.stacks.synthesis import Template

START_MINUTES = 2
# Share of the minutes that a namespace does not report in time.
LATE_SHARE = 0.1


@dataclass(eq=False)
class Worker:
    """A task that takes several calls at a time from a queue, and is protected while it has any."""

    queue: deque[float]
    lanes: int
    starting: int = START_MINUTES
    calls: list[float] = field(default_factory=list)
    stopping: bool = False
    stopped_with: int = 0

    @property
    def running(self) -> bool:
        """Whether it has started."""
        return self.starting < 0

    @property
    def protected(self) -> bool:
        """Whether it has calls in hand."""
        return bool(self.calls)

    def stop(self) -> None:
        """Record how many calls it had in hand."""
        self.stopping, self.stopped_with = True, len(self.calls)

    def tend(self) -> bool:
        """A stopped worker ends at once."""
        return not self.stopping

    def work(self) -> None:
        """Work for one minute, shared by the calls in hand; a free lane takes the next call."""
        self.starting -= 1
        left = 1.0
        while self.starting < 0 and left > 0:
            while self.queue and len(self.calls) < self.lanes:
                self.calls.append(self.queue.popleft())
            if not self.calls:
                return
            step = min(left / len(self.calls), *self.calls)
            left -= step * len(self.calls)
            self.calls = [rest - step for rest in self.calls if rest - step > 1e-9]


@dataclass
class World:
    """A queue, its fleet, and the wanted number of tasks in each minute."""

    environment: Environment
    fleet: Fleet[Worker]
    queue: deque[float]
    started: list[Worker]
    chance: random.Random
    wanted: list[int] = field(default_factory=lambda: [0])
    below: int = 0  # minutes in which fewer tasks were wanted than were busy

    def minute(self, arrivals: int = 0) -> None:
        """Simulate a minute in which some calls arrive."""
        plan = self.environment.plan
        mean = plan.speed.task_time(self.environment.workload.talk_minutes_per_call)
        self.queue.extend(self.chance.uniform(0.2, 1.8) * mean for _ in range(arrivals))
        for worker in self.fleet.service.tasks:
            worker.work()
        working = sum(len(worker.calls) for worker in self.fleet.service.tasks)
        observed: dict[Metric, Number] = {WAITING: len(self.queue), WORKING: working, ARRIVALS: arrivals}
        if not working:  # SQS reports messages in flight only if there are some
            observed[WORKING] = None
        # A namespace's metrics come together. The number of tasks is the fleet's to report.
        late = {name for name in ("AWS/SQS", "AWS/Events", TASKS[0]) if self.chance.random() < LATE_SHARE}
        unreported = {metric: None for metric in (*observed, TASKS) if metric[0] in late}
        self.fleet.minute({**observed, **unreported})
        self.below += self.fleet.service.wanted < sum(worker.protected for worker in self.fleet.service.tasks)
        self.fleet.service.tend()
        self.wanted.append(self.fleet.service.wanted)

    def drain(self, *, minutes: int) -> int:
        """Simulate minutes until no call is left; how many they were."""
        for passed in range(minutes):
            if not self.queue and not any(worker.calls for worker in self.fleet.service.tasks):
                return passed
            self.minute()
        return minutes

    @property
    def interrupted(self) -> int:
        """Calls that scaling in interrupted."""
        return sum(worker.stopped_with for worker in self.started)


def world(templates: Mapping[str, Template], environment: Environment, *, seed: int = 1) -> World:
    """An environment's queue and fleet, both empty."""
    queue: deque[float] = deque()
    started: list[Worker] = []

    def start() -> Worker:
        started.append(Worker(queue=queue, lanes=environment.settings.lanes))
        return started[-1]

    fleet = Fleet(Service(start), Scaling.read(templates[f"{environment.name}/Batch"].body))
    return World(environment=environment, fleet=fleet, queue=queue, started=started, chance=random.Random(seed))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_week_of_production_is_done_in_time(line: Mapping[str, Template], seed: int) -> None:
    """A week's calls arrive at once: the fleet grows from one task to all of them and back to none, as fast as planned."""
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
    """For six hours one task is wanted, two while metrics are late; once it starts, the others follow within minutes."""
    live = world(line, LIVE)
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


def test_service_acts_on_a_task_once_it_is_free_for_a_moment() -> None:
    """Between two messages a task is unprotected for milliseconds, which ECS does not see."""
    service = Service(Idle, wanted=1, notice_seconds=0.2)
    service.tend()
    (task,) = service.tasks
    service.wanted = 0
    began = time.monotonic()
    while not task.stopping:
        task.protected = time.monotonic() - began < 0.1
        service.tend()
    assert time.monotonic() - began >= 0.3
