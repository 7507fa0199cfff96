"""From a workload and a task's speed to fleet limits, scaling targets and alarm thresholds; docs/capacity.md derives them."""

import math
from dataclasses import dataclass, replace

from stacks.capacity import relief
from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole, zero_or_more
from stacks.capacity.speech import heard
from stacks.capacity.speed import Speed
from stacks.capacity.workload import Workload

# The fleet is sized to finish in this share of the time from the last arrival until the batch is due. The alarm on the
# oldest message sounds at its end, so that people have the rest. Tasks are billed by the second: a larger fleet for a
# shorter time costs the same.
PLANNED_SHARE = 0.75
# A message may wait this share of the planned time before the fleet grows: AWS calls it the acceptable latency.
ACCEPTABLE_LATENCY_SHARE = 1 / 20


class UnreachableDeadline(InvalidEnvironment):
    """No fleet that the limits allow finishes in time; the message has the numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits that the account and the service set.

    Attributes:
        spot_vcpus: the account's quota "Fargate Spot vCPU resource count", which bounds the batch fleet.
        on_demand_vcpus: its quota "Fargate On-Demand vCPU resource count", which bounds the API and the relief: a
            deployment runs the API's new tasks beside the old ones.
        max_audio_seconds: longest recording accepted.
        job_deadline_seconds: time that one recording may take.
        lanes: recordings that a worker works on at once.
        api_min_tasks: API tasks that run without load.
        api_headroom: spare API capacity over the busiest hour, as a share of it.
        relief: tasks on demand join the batch fleet while Spot endangers the deadline.
        on_demand_workers: tasks of the batch fleet that always run on demand.
    """

    spot_vcpus: float
    on_demand_vcpus: float
    max_audio_seconds: int
    job_deadline_seconds: int
    lanes: int = 1
    api_min_tasks: int = 1
    api_headroom: float = 0.25
    relief: bool = True
    on_demand_workers: int = 0

    def __post_init__(self) -> None:
        typed(self, "limits")
        above_zero("limits.spot_vcpus", self.spot_vcpus)
        above_zero("limits.on_demand_vcpus", self.on_demand_vcpus)
        above_zero("limits.max_audio_seconds", self.max_audio_seconds)
        above_zero("limits.job_deadline_seconds", self.job_deadline_seconds)
        whole("limits.lanes", self.lanes, least=1)
        whole("limits.api_min_tasks", self.api_min_tasks, least=0)
        zero_or_more("limits.api_headroom", self.api_headroom)
        whole("limits.on_demand_workers", self.on_demand_workers, least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The limits and targets that the stacks set, and the numbers behind them.

    Attributes:
        speed: of a task: on the usual hosts for estimates, on the slowest ones for limits, targets and thresholds.
        audio_hours: hours of recording in a batch.
        task_hours: hours of task life that a batch takes.
        processing_seconds_per_call: time an average call takes on one task.
        batch_max_tasks: upper limit of the batch fleet.
        backlog_per_task: target of its scaling policy: messages that wait or are being worked on, for each running task.
        hours_to_finish: from the first arrival of a batch to its last transcript, at most.
        relief_max_tasks: tasks on demand that finish the batch in time if Spot grants a quarter of its tasks.
        relief_joins_seconds: age of the oldest message by which they have to be done (`stacks.capacity.relief`).
        oldest_message_alarm_seconds: age of the oldest message at which the deadline is in danger.
        api_min_tasks: lower limit of the API service.
        api_max_tasks: its upper limit.
        api_requests_per_task_per_minute: target of its scaling policy; below 1 if a request takes minutes.
    """

    speed: Speed
    audio_hours: float
    task_hours: float
    processing_seconds_per_call: float
    batch_max_tasks: int
    backlog_per_task: float
    hours_to_finish: float
    relief_max_tasks: int
    relief_joins_seconds: float
    oldest_message_alarm_seconds: int
    api_min_tasks: int
    api_max_tasks: int
    api_requests_per_task_per_minute: float


def plan(*, workload: Workload, speed: Speed, limits: Limits) -> Plan:
    """The smallest fleet that keeps the deadline, and the targets and thresholds that go with it.

    Args:
        workload: the recordings, and when their transcripts are due.
        speed: of a task.
        limits: of the account and the service.

    Raises:
        UnreachableDeadline: the window is too short for any fleet, or for one within the limits.
        InvalidEnvironment: the average call is longer than the longest that the service accepts.

    A hundred agents, a week of calls of six minutes, transcripts due on Monday morning:

    >>> week = Workload(
    ...     agents=100, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=5, window_hours=60
    ... )
    >>> account = Limits(spot_vcpus=1024, on_demand_vcpus=256, max_audio_seconds=5400, job_deadline_seconds=14400)
    >>> result = plan(workload=week, speed=Speed.assumed(cpu=2048), limits=account)
    >>> result.audio_hours, result.batch_max_tasks, result.relief_max_tasks, round(result.hours_to_finish, 1)
    (2000.0, 137, 74, 45.0)
    """
    longest_minutes = limits.max_audio_seconds / 60
    if workload.talk_minutes_per_call > longest_minutes:
        expected = f"at most {longest_minutes:g}, the longest recording accepted; minutes are meant, not seconds"
        raise InvalidEnvironment("workload.talk_minutes_per_call", workload.talk_minutes_per_call, expected)
    speed = heard(speed, workload.speech_share)
    slowest = speed.limiting
    longest_seconds = math.ceil(limits.max_audio_seconds / slowest.audio_seconds_per_second)
    if longest_seconds > limits.job_deadline_seconds:
        call = f"a call of {limits.max_audio_seconds} s at {slowest.audio_seconds_per_second:g} times real time"
        expected = f"{longest_seconds} or more, for {call}"
        raise UnreachableDeadline("limits.job_deadline_seconds", limits.job_deadline_seconds, expected)
    batch = _batch_fleet(workload, slowest, limits)
    api_max_tasks, api_requests = _api_fleet(workload, slowest, limits)
    relief_max_tasks = batch.relief(limits, api_tasks=api_max_tasks) if limits.relief else 0
    return Plan(
        speed=speed,
        audio_hours=workload.audio_hours,
        task_hours=speed.task_time(workload.audio_hours),
        processing_seconds_per_call=workload.talk_minutes_per_call * 60 / speed.audio_seconds_per_second,
        batch_max_tasks=batch.tasks,
        backlog_per_task=batch.backlog_per_task,
        hours_to_finish=workload.arrival_hours + batch.hours(batch.tasks) + batch.longest_hours,
        relief_max_tasks=relief_max_tasks,
        relief_joins_seconds=relief.joins_seconds(workload.due_hours),
        oldest_message_alarm_seconds=int(PLANNED_SHARE * workload.due_hours * 3600),
        api_min_tasks=limits.api_min_tasks,
        api_max_tasks=api_max_tasks,
        api_requests_per_task_per_minute=api_requests,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """A batch on tasks of the slowest kind, and the fleet for it; times in hours, from the last arrival on."""

    workload: Workload
    speed: Speed
    task_hours: float
    longest_hours: float
    latency_hours: float
    backlog_per_task: float
    tasks: int = 0

    def hours(self, tasks: int) -> float:
        """Until nothing waits: the fleet grows within the acceptable latency, and keeps its tasks while a call waits."""
        late = max(
            self.task_hours / tasks - self.workload.arrival_hours,
            self.task_hours / tasks / self.workload.parts,
        )
        return late + self.latency_hours

    def relief(self, limits: Limits, *, api_tasks: int) -> int:
        """Tasks on demand with which the batch is done in time if Spot grants a quarter of its tasks.

        Raises:
            UnreachableDeadline: the quota has no room for them.
        """
        always = min(self.tasks, limits.on_demand_workers)
        left = always + int(relief.SPOT_SHARE * (self.tasks - always))
        time = relief.JOINS_SHARE * self.workload.due_hours - relief.REACTION_HOURS - self.longest_hours
        needed = (n for n in range(left, self.tasks) if n and self.hours(n) - self.latency_hours <= time)
        # The window may be too short for help: then the relief replaces all that Spot lacks.
        tasks = next(needed, self.tasks) - left
        purpose = (
            f"a deploy of the API, on_demand_workers, and {tasks} tasks that relieve Spot when it grants"
            f" {relief.SPOT_SHARE:.0%} (or relief=False)"
        )
        _within_quota(
            "on_demand_vcpus",
            limits.on_demand_vcpus,
            2 * api_tasks + limits.on_demand_workers + tasks,
            self.speed,
            purpose,
        )
        return tasks


def _batch_fleet(workload: Workload, speed: Speed, limits: Limits) -> _Batch:
    """The smallest fleet that finishes in the planned share of the window."""
    longest_hours = speed.task_time(limits.max_audio_seconds / 3600)
    planned_hours = PLANNED_SHARE * workload.due_hours - longest_hours
    latency_hours = ACCEPTABLE_LATENCY_SHARE * planned_hours
    call_hours = speed.task_time(workload.talk_minutes_per_call / 60)
    batch = _Batch(
        workload=workload,
        speed=speed,
        task_hours=speed.task_time(workload.audio_hours),
        # The longest call may be the last to start.
        longest_hours=longest_hours,
        latency_hours=latency_hours,
        # The backlog of a task is at least the calls that it works on: otherwise a fleet that is only busy would grow.
        backlog_per_task=max(float(limits.lanes), latency_hours / call_hours),
    )
    # The scaling policy never asks for more tasks than the batch has backlogs.
    most = math.ceil(workload.calls / batch.backlog_per_task)
    tasks = next((n for n in range(1, most + 1) if batch.hours(n) <= planned_hours), None)
    work = f"{batch.task_hours:.1f} task-hours"
    if tasks is None:
        expected = f"a longer window: no fleet can finish {work} and a last call of {longest_hours:.1f} hours in time"
        raise UnreachableDeadline("workload.window_hours", workload.window_hours, expected)
    _within_quota("spot_vcpus", limits.spot_vcpus, tasks, speed, f"{work} in time")
    return replace(batch, tasks=tasks)


def _api_fleet(workload: Workload, speed: Speed, limits: Limits) -> tuple[int, float]:
    """Largest number of tasks, and the requests that each can take in a minute and still have its headroom."""
    spare = 1 + limits.api_headroom
    peak = workload.api_audio_hours_in_busy_hour
    tasks = max(1, limits.api_min_tasks, math.ceil(speed.task_time(peak) * spare))
    purpose = f"deploys at {peak:g} API audio hours"
    _within_quota("on_demand_vcpus", limits.on_demand_vcpus, 2 * tasks, speed, purpose)
    return tasks, 1 / speed.task_time(workload.talk_minutes_per_call) / spare


def _within_quota(name: str, vcpus: float, tasks: int, speed: Speed, purpose: str) -> None:
    needed = tasks * speed.cpu / 1024
    if needed > vcpus:
        expected = f"{needed:g} or more: {purpose} need {tasks} tasks of {speed.cpu / 1024:g} vCPU"
        raise UnreachableDeadline(f"limits.{name}", f"{vcpus:g}", expected)
