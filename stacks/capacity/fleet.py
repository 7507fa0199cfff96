"""From a workload and a task's speed to fleet limits, scaling targets and alarm thresholds; docs/capacity.md derives them."""

import math
from dataclasses import dataclass

from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole, zero_or_more
from stacks.capacity.speed import Speed
from stacks.capacity.workload import Workload

# The fleet is sized to finish in this share of the window. The alarm on the oldest message sounds at its end, so that
# people have the rest. Tasks are billed by the second: a larger fleet for a shorter time costs the same.
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
        on_demand_vcpus: its quota "Fargate On-Demand vCPU resource count", which bounds the API: a deployment
            runs the new tasks beside the old ones.
        max_audio_seconds: longest recording accepted.
        job_deadline_seconds: time that one recording may take.
        lanes: recordings that a worker works on at once.
        api_min_tasks: API tasks that run without load.
        api_headroom: spare API capacity over the busiest hour, as a share of it.
    """

    spot_vcpus: float
    on_demand_vcpus: float
    max_audio_seconds: int
    job_deadline_seconds: int
    lanes: int = 1
    api_min_tasks: int = 1
    api_headroom: float = 0.25

    def __post_init__(self) -> None:
        typed(self, "limits")
        above_zero("limits.spot_vcpus", self.spot_vcpus)
        above_zero("limits.on_demand_vcpus", self.on_demand_vcpus)
        above_zero("limits.max_audio_seconds", self.max_audio_seconds)
        above_zero("limits.job_deadline_seconds", self.job_deadline_seconds)
        whole("limits.lanes", self.lanes, least=1)
        whole("limits.api_min_tasks", self.api_min_tasks, least=0)
        zero_or_more("limits.api_headroom", self.api_headroom)


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
        hours_to_finish: from the arrival of a batch to its last transcript, at most.
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
    >>> account = Limits(spot_vcpus=1024, on_demand_vcpus=64, max_audio_seconds=5400, job_deadline_seconds=14400)
    >>> result = plan(workload=week, speed=Speed.assumed(cpu=2048), limits=account)
    >>> result.audio_hours, result.batch_max_tasks, round(result.hours_to_finish, 1)
    (2000.0, 137, 45.0)
    """
    longest_minutes = limits.max_audio_seconds / 60
    if workload.talk_minutes_per_call > longest_minutes:
        expected = f"at most {longest_minutes:g}, the longest recording accepted"
        raise InvalidEnvironment("workload.talk_minutes_per_call", workload.talk_minutes_per_call, expected)
    slowest = speed.limiting
    longest_seconds = math.ceil(limits.max_audio_seconds / slowest.audio_seconds_per_second)
    if longest_seconds > limits.job_deadline_seconds:
        call = f"a call of {limits.max_audio_seconds} s at {slowest.audio_seconds_per_second:g} times real time"
        expected = f"{longest_seconds} or more, for {call}"
        raise UnreachableDeadline("limits.job_deadline_seconds", limits.job_deadline_seconds, expected)
    batch_max_tasks, backlog_per_task, hours_to_finish = _batch_fleet(workload, slowest, limits)
    api_max_tasks, api_requests = _api_fleet(workload, slowest, limits)
    return Plan(
        speed=speed,
        audio_hours=workload.audio_hours,
        task_hours=speed.task_time(workload.audio_hours),
        processing_seconds_per_call=workload.talk_minutes_per_call * 60 / speed.audio_seconds_per_second,
        batch_max_tasks=batch_max_tasks,
        backlog_per_task=backlog_per_task,
        hours_to_finish=hours_to_finish,
        oldest_message_alarm_seconds=int(PLANNED_SHARE * workload.window_hours * 3600),
        api_min_tasks=limits.api_min_tasks,
        api_max_tasks=api_max_tasks,
        api_requests_per_task_per_minute=api_requests,
    )


def _batch_fleet(workload: Workload, speed: Speed, limits: Limits) -> tuple[int, float, float]:
    """Largest number of tasks, messages for each of them, hours to finish."""
    task_hours = speed.task_time(workload.audio_hours)
    longest_hours = speed.task_time(limits.max_audio_seconds / 3600)
    planned_hours = PLANNED_SHARE * workload.window_hours - longest_hours
    latency_hours = ACCEPTABLE_LATENCY_SHARE * planned_hours
    # The backlog of a task is at least the calls that it works on: otherwise a fleet that is only busy would grow.
    backlog = max(float(limits.lanes), latency_hours / speed.task_time(workload.talk_minutes_per_call / 60))

    def hours(tasks: int) -> float:
        # The fleet grows within the acceptable latency, and no task that works is taken away before the last call.
        return task_hours / tasks + latency_hours

    # The scaling policy never asks for more tasks than the batch has backlogs.
    most = math.ceil(workload.calls / backlog)
    tasks = next((n for n in range(1, most + 1) if hours(n) <= planned_hours), None)
    if tasks is None:
        work = f"{task_hours:.1f} task-hours and a last call of {longest_hours:.1f} hours"
        expected = f"a longer window: no fleet can finish {work} in time"
        raise UnreachableDeadline("workload.window_hours", workload.window_hours, expected)
    _within_quota("spot_vcpus", limits.spot_vcpus, tasks, speed, f"{task_hours:.1f} task-hours in time")
    # The longest call may be the last to start.
    return tasks, backlog, hours(tasks) + longest_hours


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
