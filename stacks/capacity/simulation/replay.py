"""Replays a week of recordings on a fleet: arrivals, late metrics, scaling, starts, Spot, relief."""

import heapq
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import count, cycle
from typing import Any

from stacks.capacity.fleet import Plan
from stacks.capacity.relief import ReliefRules, missing_tasks
from stacks.capacity.scaling import QUIET_MINUTES, FleetRules, Observed
from stacks.capacity.simulation.behaviour import Behaviour
from stacks.capacity.simulation.calls import Batch
from stacks.capacity.simulation.outcome import Drained, Outcome, Sample
from stacks.capacity.simulation.tasks import Call, Hosts, Service, Task

# Fargate bills at least a minute of a task.
LEAST_SECONDS = 60.0


class Event(IntEnum):
    """What happens at a time, in the order in which it happens at the same time."""

    ARRIVAL = 0
    DONE = 1
    READY = 2
    KILL = 3
    MINUTE = 4


@dataclass(slots=True)
class _Hours:
    spot: float = 0.0
    on_demand: float = 0.0
    relief: float = 0.0
    busy: float = 0.0


class Replay:
    """One run of a fleet under its plan; deterministic for a seed.

    A task works on one call after the other at its full speed. In truth it works on `lanes` calls at once and each takes as
    much longer, which is the same for all but the last calls.

    Args:
        plan: the fleet's limits, targets and speed.
        batches: the recordings, by the batch that they are due with.
        lengths: seconds of the recordings, taken in turn.
        behaviour: of the surroundings.
        lanes: messages that a task holds at once.
        always_on_demand: tasks of the fleet that are not on Spot.
        workers: tasks that run from the beginning to the end, without any scaling; 0 for a scaled fleet.
        seed: of all chance.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        batches: Sequence[Batch],
        lengths: Sequence[float],
        behaviour: Behaviour,
        lanes: int = 1,
        always_on_demand: int = 0,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        self._plan, self._batches, self._behaviour, self._lanes = plan, batches, behaviour, lanes
        self._chance = random.Random(seed)  # noqa: S311 -- a simulation
        self._hosts = Hosts(plan.speed, working_share=1 - behaviour.resting_share)
        self._rules = FleetRules(max_tasks=plan.batch_max_tasks, backlog_per_task=plan.backlog_per_task)
        self._relief_rules = ReliefRules(max_tasks=plan.relief_max_tasks)
        most = max(workers, plan.batch_max_tasks)
        self._fleet = Service(behaviour=behaviour, most=most, always_on_demand=max(always_on_demand, workers))
        self._relief = Service(behaviour=behaviour, most=plan.relief_max_tasks, on_demand=True)
        self._scaled = not workers
        self._queue: deque[Call] = deque()
        self._idle: list[Task] = []
        self._events: list[tuple[float, Event, int, Any]] = []
        self._numbers = count()
        self._waiting_audio = self._audio = 0.0
        self._left = [len(batch.arrivals) for batch in batches]
        self._ended = [0.0] * len(batches)
        self._hours = _Hours()
        self._interruptions = self._repeats = 0
        self._samples: list[Sample] = []
        self._arrived: deque[tuple[float, int]] = deque()
        # Since when there is no message, and until when the queue then reports nothing.
        self._quiet_since, self._unreported_until = -1e9, 0.0
        self._ticking = False
        self._plan_arrivals(lengths)
        self._fleet.desired = workers
        if workers:
            self._start_missing(self._fleet, 0.0)

    def run(self) -> Outcome:
        """Replay everything, until the last transcript is there and the last task has ended."""
        events, now = self._events, 0.0
        handlers: Mapping[Event, Callable[[Any, float], None]] = {
            Event.ARRIVAL: self._arrive,
            Event.DONE: self._done,
            Event.READY: self._begin,
            Event.KILL: self._kill,
            Event.MINUTE: self._minute,
        }
        while events and (self._scaled or any(self._left)):
            now, event, _, subject = heapq.heappop(events)
            handlers[event](subject, now)
        for service in self._services:
            for task in service.tasks:
                self._bill(task, now)
        return Outcome(
            batches=[
                Drained(seconds=ended - batch.arrivals[0], slack_seconds=batch.due - ended)
                for batch, ended in zip(self._batches, self._ended, strict=True)
            ],
            audio_hours=self._audio / 3600,
            spot_hours=self._hours.spot,
            on_demand_hours=self._hours.on_demand,
            relief_hours=self._hours.relief,
            busy_hours=self._hours.busy,
            interruptions=self._interruptions,
            repeats=self._repeats,
            samples=self._samples,
        )

    @property
    def _services(self) -> tuple[Service, Service]:
        return self._fleet, self._relief

    def _plan_arrivals(self, lengths: Sequence[float]) -> None:
        """Calls that arrive at the same time are one event."""
        seconds = cycle(lengths)
        for number, batch in enumerate(self._batches):
            group: list[Call] = []
            for arrived in batch.arrivals:
                if group and group[0].arrived != arrived:
                    self._at(group[0].arrived, Event.ARRIVAL, group)
                    group = []
                group.append(Call(arrived, next(seconds), number))
            self._at(group[0].arrived, Event.ARRIVAL, group)

    def _at(self, time: float, event: Event, subject: Any) -> None:
        heapq.heappush(self._events, (time, event, next(self._numbers), subject))

    def _arrive(self, calls: Sequence[Call], now: float) -> None:
        if now - self._quiet_since >= self._behaviour.quiet_hours * 3600 and not self._ticking:
            self._unreported_until = now + QUIET_MINUTES * self._behaviour.minute_seconds
        self._queue.extend(calls)
        self._arrived.append((now, len(calls)))
        seconds = sum(call.seconds for call in calls)
        self._waiting_audio += seconds
        self._audio += seconds
        idle, self._idle = self._idle, []
        for task in idle:
            self._take(task, now)
        if self._scaled and not self._ticking:
            self._ticking = True
            self._at(now + self._behaviour.minute_seconds, Event.MINUTE, None)

    def _take(self, task: Task, now: float) -> None:
        """Give the next message to a task, if there is one."""
        if task.gone or task.leaving:
            return
        if not self._queue:
            self._idle.append(task)
            return
        call = self._queue.popleft()
        self._waiting_audio -= call.seconds
        task.call = call
        task.ends = now + self._behaviour.call_overhead_seconds + call.seconds / task.rate
        heapq.heappush(self._events, (task.ends, Event.DONE, next(self._numbers), task))

    def _begin(self, task: Task, now: float) -> None:
        """A task has started."""
        if not task.gone:
            task.ready = True
            self._take(task, now)

    def _done(self, task: Task, now: float) -> None:
        """A transcript is written, unless the call was interrupted before."""
        call = task.call
        if call is None or task.ends != now:
            return
        task.call = None
        self._hours.busy += call.seconds / task.rate / 3600
        self._left[call.batch] -= 1
        if not self._left[call.batch]:
            self._ended[call.batch] = now
            self._quiet_since = now
        if task.leaving:
            self._end(task, now)
        else:
            self._take(task, now)

    def _kill(self, task: Task, now: float) -> None:
        """Spot takes a task back: it ends with its call if that ends in time, or returns it."""
        if task.gone or task.leaving:
            return
        self._interruptions += 1
        task.leaving = True
        call = task.call
        if call and task.ends <= now + self._behaviour.stop_seconds:
            return
        if call:
            task.call = None
            self._repeats += 1
            self._queue.appendleft(call)
            self._waiting_audio += call.seconds
            if self._idle:
                self._take(self._idle.pop(), now)
        self._end(task, now)

    def _end(self, task: Task, now: float) -> None:
        task.gone = True
        if task in self._idle:
            self._idle.remove(task)
        for service in self._services:
            if task in service.tasks:
                self._bill(task, now)
                service.tasks.remove(task)

    def _bill(self, task: Task, now: float) -> None:
        hours = max(LEAST_SECONDS, now - task.asked) / 3600
        if task in self._relief.tasks:
            self._hours.relief += hours
        elif task.on_demand:
            self._hours.on_demand += hours
        else:
            self._hours.spot += hours

    def _start_missing(self, service: Service, now: float) -> None:
        behaviour, chance = self._behaviour, self._chance
        for on_demand in list(service.missing(now)):
            task = Task(asked=now, rate=self._hosts.rate(chance), on_demand=on_demand)
            service.tasks.append(task)
            self._at(now + behaviour.start(chance), Event.READY, task)
            if not on_demand and behaviour.kills_per_task_hour:
                self._at(now + chance.expovariate(behaviour.kills_per_task_hour) * 3600, Event.KILL, task)

    def _minute(self, _: None, now: float) -> None:
        """Measure, scale by what was measured some minutes ago, and start and stop tasks."""
        self._samples.append(self._sample(now))
        late = self._behaviour.metric_minutes
        # Between two batches there are no samples, and after a quiet time the queue reports nothing for a while.
        reported = max(now - (late + 0.5) * self._behaviour.minute_seconds, self._unreported_until)
        sample = next((s for s in self._samples[-1 - late : len(self._samples) - late] if s.seconds >= reported), None)
        fleet, relief = self._fleet, self._relief
        fleet.desired = self._rules.minute(self._observed(sample, now), tasks=fleet.desired)
        if sample:
            relief.desired = self._relief_rules.minute(
                missing=self._missing(sample),
                waiting=sample.waiting,
                working=sample.working,
                tasks=relief.desired,
            )
        for service in self._services:
            for task in service.taken(now, self._chance):
                self._kill(task, now)
            for task in service.surplus():
                self._end(task, now)
            self._start_missing(service, now)
        self._ticking = bool(self._queue) or any(service.tasks or service.desired for service in self._services)
        if self._ticking:
            self._at(now + self._behaviour.minute_seconds, Event.MINUTE, None)

    def _observed(self, sample: Sample | None, now: float) -> Observed:
        """The metrics that the scaling has at this minute; an upload is announced within one."""
        minute = self._behaviour.minute_seconds
        arrivals = sum(number for arrived, number in self._arrived if now - 2 * minute < arrived <= now - minute)
        while self._arrived and self._arrived[0][0] <= now - 2 * minute:
            self._arrived.popleft()
        if sample is None:
            return Observed(waiting=None, working=None, tasks=None, arrivals=arrivals)
        tasks = sample.desired if sample.running else None
        return Observed(waiting=sample.waiting, working=sample.working, tasks=tasks, arrivals=arrivals)

    def _missing(self, sample: Sample) -> int:
        running, busy_share = sample.running + sample.relief, self._plan.speed.busy_share
        # Workers publish their own speed; the plan's slowest one stands in for it while none runs.
        pace = (
            sample.audio_seconds_per_second / running if running else self._plan.speed.limiting.audio_seconds_per_second
        )
        return missing_tasks(
            oldest_seconds=sample.oldest_seconds,
            backlog_audio_seconds=sample.backlog_audio_seconds,
            joins_seconds=self._plan.relief_joins_seconds,
            spot_tasks=sample.running,
            relief_tasks=self._relief.desired,
            audio_seconds_per_task_second=pace * busy_share,
        )

    def _sample(self, now: float) -> Sample:
        fleet, relief = self._fleet, self._relief
        tasks = [*fleet.tasks, *relief.tasks]
        in_hand = [task.call for task in tasks if task.call]
        running, relieving = fleet.running, relief.running
        undone = len(self._queue) + len(in_hand)
        working = min(undone, max(len(in_hand), self._lanes * (running + relieving)))
        oldest = min([call.arrived for call in (*in_hand, *(self._queue and (self._queue[0],)))], default=now)
        speed = sum(task.rate for task in tasks if task.ready and not task.leaving)
        backlog = self._waiting_audio + sum(call.seconds for call in in_hand)
        batch = next((b for b, left in zip(self._batches, self._left, strict=True) if left), self._batches[-1])
        needed = backlog / (speed or self._plan.speed.limiting.audio_seconds_per_second)
        return Sample(
            seconds=now,
            waiting=undone - working,
            working=working,
            backlog_audio_seconds=backlog,
            oldest_seconds=now - oldest,
            running=running,
            relief=relieving,
            desired=fleet.desired,
            slack_seconds=batch.due - now - needed,
            audio_seconds_per_second=speed,
        )
