"""A queue and the fleets of a template's scaling policies, simulated minute by minute."""

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.arithmetic import Number
from local.fleet import Fleet, Service
from local.scaling import (
    AGE,
    ARRIVALS,
    GAUGES,
    RELIEF,
    TASKS,
    WAITING,
    WORKERS,
    WORKING,
    Metric,
    Scaling,
    has_fleet,
)
from service.contract import Gauge
from stacks.environments import Environment
from tests.stacks.synthesis import Template

START_MINUTES = 2
# Share of the minutes that a namespace does not report in time.
LATE_SHARE = 0.1


@dataclass(eq=False)
class Worker:
    """A task that takes several calls at a time from a queue, and is protected while it has any.

    The queue has the minute in which each call arrived, and the minutes that it takes.
    """

    queue: deque[tuple[int, float]]
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
                self.calls.append(self.queue.popleft()[1])
            if not self.calls:
                return
            step = min(left / len(self.calls), *self.calls)
            left -= step * len(self.calls)
            self.calls = [rest - step for rest in self.calls if rest - step > 1e-9]


@dataclass
class World:
    """A queue, its fleets, and the wanted number of tasks on Spot and on demand in each minute."""

    environment: Environment
    fleet: Fleet[Worker]
    relief: Fleet[Worker] | None
    queue: deque[tuple[int, float]]
    started: list[Worker]
    chance: random.Random
    wanted: list[int] = field(default_factory=lambda: [0])
    relieving: list[int] = field(default_factory=lambda: [0])
    below: int = 0  # minutes in which fewer tasks of a fleet were wanted than were busy

    @property
    def fleets(self) -> list[Fleet[Worker]]:
        """Both fleets, or the one on Spot."""
        return [self.fleet, self.relief] if self.relief else [self.fleet]

    @property
    def workers(self) -> list[Worker]:
        """The tasks of both fleets."""
        return [worker for fleet in self.fleets for worker in fleet.service.tasks]

    def minute(self, arrivals: int = 0) -> None:
        """Simulate a minute in which some calls arrive."""
        workload, speed = self.environment.workload, self.environment.plan.speed
        mean, now = speed.task_time(workload.talk_minutes_per_call), len(self.wanted)
        self.queue.extend((now, self.chance.uniform(0.2, 1.8) * mean) for _ in range(arrivals))
        for worker in self.workers:
            worker.work()
        calls = [left for worker in self.workers for left in worker.calls]
        seconds = 60 * workload.talk_minutes_per_call / mean  # of audio, for a minute of a task
        observed: dict[Metric, Number] = {
            WAITING: len(self.queue),
            # SQS reports messages in flight only if there are some.
            WORKING: len(calls) or None,
            ARRIVALS: arrivals,
            AGE: 60.0 * (now - self.queue[0][0]) if self.queue else 0.0,
            # While no worker runs, none reports.
            GAUGES[Gauge.CALL_SECONDS]: seconds * mean if any(worker.running for worker in self.workers) else None,
            GAUGES[Gauge.REST_SECONDS]: seconds * sum(calls) / len(calls) if calls else None,
            GAUGES[Gauge.PACE]: speed.audio_seconds_per_second if calls else None,
        }
        for fleet in self.fleets:
            observed |= fleet.counts()
        # A namespace's metrics come together, and some come late.
        late = {
            name for name in ("AWS/SQS", "AWS/Events", TASKS[0], "WhisperFargate") if self.chance.random() < LATE_SHARE
        }
        observed |= {metric: None for metric in observed if metric[0] in late}
        for fleet in self.fleets:
            fleet.minute(observed)
            busy = sum(worker.protected for worker in fleet.service.tasks)
            self.below += fleet.service.wanted < busy
            fleet.service.tend()
        self.wanted.append(self.fleet.service.wanted)
        self.relieving.append(self.relief.service.wanted if self.relief else 0)

    def drain(self, *, minutes: int) -> int:
        """Simulate minutes until no call is left; how many they were."""
        for passed in range(minutes):
            if not self.queue and not any(worker.calls for worker in self.workers):
                return passed
            self.minute()
        return minutes

    @property
    def interrupted(self) -> int:
        """Calls that scaling in interrupted."""
        return sum(worker.stopped_with for worker in self.started)


def world(
    templates: Mapping[str, Template], environment: Environment, *, seed: int = 1, granted: int | None = None
) -> World:
    """An environment's queue and fleets, all empty; Spot has room for `granted` tasks."""
    queue: deque[tuple[int, float]] = deque()
    started: list[Worker] = []
    body = templates[f"{environment.name}/Batch"].body

    def start() -> Worker:
        started.append(Worker(queue=queue, lanes=environment.settings.lanes))
        return started[-1]

    fleet = Fleet(Service(start), Scaling.read(body, WORKERS))
    fleet.service.granted = granted
    return World(
        environment=environment,
        fleet=fleet,
        relief=Fleet(Service(start), Scaling.read(body, RELIEF)) if has_fleet(body, RELIEF) else None,
        queue=queue,
        started=started,
        chance=random.Random(seed),
    )
