"""From a call centre's workload and a task's speed to fleet limits, scaling targets and alarm thresholds.

Pure arithmetic on the standard library; docs/capacity.md derives it. An audio hour is an hour of recording,
whatever its channels: the two sides of a call take turns, and silence is skipped.
"""

import math
from dataclasses import dataclass
from typing import Self

# The fleet is sized to finish in this share of the window. The alarm on the oldest message sounds where it ends,
# so that people have the rest. Tasks are billed by the second: a larger fleet for a shorter time costs the same.
PLANNED_SHARE = 0.75
# A message may wait this share of the planned time before the fleet grows: AWS calls it the acceptable latency.
ACCEPTABLE_LATENCY_SHARE = 1 / 20
# Whisper small in int8 per Fargate vCPU: faster-whisper's README has 13 min in 102 s on 8 threads of a Core i7-12700K,
# 0.96 per thread. An x86 vCPU is half a core (0.48) at about two thirds of that clock (0.31): rounded down.
ASSUMED_SPEED_PER_VCPU = 0.25


class UnreachableDeadline(ValueError):
    """No fleet that the limits allow finishes in time; the message has the numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What a call centre records, and when its transcripts are due.

    Attributes:
        agents: people on the phone on a working day.
        calls_per_agent_per_day: calls each of them handles.
        talk_minutes_per_call: average length of a recording, without after-call work, which is not recorded.
        days_per_batch: working days whose recordings land together.
        window_hours: from a batch landing to its transcripts being due; Friday 20:00 to Monday 08:00 is 60.
        days_per_week: working days in a week.
        api_audio_hours_in_busy_hour: audio hours that internal tools send to the API in its busiest hour.
    """

    agents: int
    calls_per_agent_per_day: float
    talk_minutes_per_call: float
    days_per_batch: int
    window_hours: float
    days_per_week: int = 5
    api_audio_hours_in_busy_hour: float = 0.0

    def __post_init__(self) -> None:
        _whole("workload.agents", self.agents, least=1)
        _above_zero("workload.calls_per_agent_per_day", self.calls_per_agent_per_day)
        _above_zero("workload.talk_minutes_per_call", self.talk_minutes_per_call)
        _whole("workload.days_per_batch", self.days_per_batch, least=1)
        if self.days_per_week not in range(1, 8):
            raise _invalid("workload.days_per_week", self.days_per_week, "a whole number from 1 to 7")
        most = 24 * self.days_per_batch
        if not 0 < self.window_hours <= most:
            expected = f"more than 0 and at most {most}, or the next batch lands before this one is due"
            raise _invalid("workload.window_hours", self.window_hours, expected)
        if not 0 <= self.api_audio_hours_in_busy_hour < math.inf:
            raise _invalid("workload.api_audio_hours_in_busy_hour", self.api_audio_hours_in_busy_hour, "0 or more")

    @property
    def calls(self) -> float:
        """Recordings in a batch."""
        return self.agents * self.calls_per_agent_per_day * self.days_per_batch

    @property
    def audio_hours(self) -> float:
        """Hours of recording in a batch."""
        return self.calls * self.talk_minutes_per_call / 60

    @property
    def audio_hours_per_month(self) -> float:
        """Hours of recording in a twelfth of a year, for budgets."""
        return self.audio_hours / self.days_per_batch * self.days_per_week * 52 / 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast one task of a given size transcribes, and where the number comes from.

    Attributes:
        audio_seconds_per_second: seconds of recording transcribed per second of wall clock; 1 is real time.
        cpu: CPU units of the task it was measured on; 1024 is one vCPU.
        source: the benchmark run, or what the assumption rests on.
        measured: False while the number is an assumption.
        processor: of that task.
        busy_share: part of a task's life spent transcribing; the rest starts up, waits and repeats interrupted calls.
    """

    audio_seconds_per_second: float
    cpu: int
    source: str
    measured: bool
    processor: str = "X86_64"
    busy_share: float = 0.75

    def __post_init__(self) -> None:
        _above_zero("speed.audio_seconds_per_second", self.audio_seconds_per_second)
        _whole("speed.cpu", self.cpu, least=256)
        if not self.source.strip():
            raise _invalid("speed.source", self.source, "where the number comes from")
        if not 0 < self.busy_share <= 1:
            raise _invalid("speed.busy_share", self.busy_share, "a share above 0, 1 at most")

    @classmethod
    def assumed(cls, *, cpu: int) -> Self:
        """A cautious stand-in until the benchmark has run on a task of this size."""
        return cls(
            audio_seconds_per_second=ASSUMED_SPEED_PER_VCPU * cpu / 1024,
            cpu=cpu,
            source="faster-whisper's published small int8, scaled down to a vCPU",
            measured=False,
        )

    def task_time(self, audio_time: float) -> float:
        """How much of a task's life a recording takes, in the unit in which its length is given."""
        return audio_time / (self.audio_seconds_per_second * self.busy_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the account and the service allow.

    Attributes:
        spot_vcpus: the account's quota "Fargate Spot vCPU resource count", which bounds the batch fleet.
        on_demand_vcpus: its quota "Fargate On-Demand vCPU resource count", which bounds the API: a deploy runs the new
            tasks beside the old ones.
        max_audio_seconds: longest recording accepted.
        job_deadline_seconds: time that one recording may take.
        api_min_tasks: API tasks that run without load.
        api_headroom: spare API capacity over the busiest hour, as a share of it.
    """

    spot_vcpus: float
    on_demand_vcpus: float
    max_audio_seconds: int
    job_deadline_seconds: int
    api_min_tasks: int = 1
    api_headroom: float = 0.25

    def __post_init__(self) -> None:
        _above_zero("limits.spot_vcpus", self.spot_vcpus)
        _above_zero("limits.on_demand_vcpus", self.on_demand_vcpus)
        _above_zero("limits.max_audio_seconds", self.max_audio_seconds)
        _above_zero("limits.job_deadline_seconds", self.job_deadline_seconds)
        _whole("limits.api_min_tasks", self.api_min_tasks, least=0)
        if not 0 <= self.api_headroom < math.inf:
            raise _invalid("limits.api_headroom", self.api_headroom, "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the stacks set, and the numbers behind it.

    Attributes:
        speed: of a task, which everything rests on.
        audio_hours: hours of recording in a batch.
        task_hours: hours of task life that they take.
        processing_seconds_per_call: time an average call takes on one task.
        batch_max_tasks: upper limit of the batch fleet.
        backlog_per_task: target of its scaling policy: messages waiting or in work, for each running task.
        hours_to_finish: from a batch landing to its last transcript, at most.
        oldest_message_alarm_seconds: age of the oldest message from which the deadline is in danger.
        api_min_tasks: lower limit of the API service.
        api_max_tasks: its upper limit.
        api_requests_per_task_per_minute: target of its scaling policy; below 1 where a request takes minutes.
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
        workload: what is recorded, and when it is due.
        speed: of a task.
        limits: of the account and the service.

    Raises:
        UnreachableDeadline: the window is too short for any fleet, or for one within the limits.
        ValueError: the average call is longer than the longest that the service accepts.

    A hundred agents, a week of calls of six minutes, transcripts due on Monday morning:

    >>> week = Workload(
    ...     agents=100, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=5, window_hours=60
    ... )
    >>> account = Limits(spot_vcpus=1024, on_demand_vcpus=64, max_audio_seconds=5400, job_deadline_seconds=14400)
    >>> result = plan(workload=week, speed=Speed.assumed(cpu=2048), limits=account)
    >>> result.audio_hours, result.batch_max_tasks, round(result.hours_to_finish, 1)
    (2000.0, 176, 44.9)
    """
    longest_minutes = limits.max_audio_seconds / 60
    if workload.talk_minutes_per_call > longest_minutes:
        expected = f"at most {longest_minutes:g}, the longest recording accepted"
        raise _invalid("workload.talk_minutes_per_call", workload.talk_minutes_per_call, expected)
    longest_seconds = math.ceil(limits.max_audio_seconds / speed.audio_seconds_per_second)
    if longest_seconds > limits.job_deadline_seconds:
        raise UnreachableDeadline(
            f"limits.job_deadline_seconds: got {limits.job_deadline_seconds}, expected {longest_seconds} or more, for"
            f" a call of {limits.max_audio_seconds} s at {speed.audio_seconds_per_second:g} times real time"
        )
    batch_max_tasks, backlog_per_task, hours_to_finish = _batch_fleet(workload, speed, limits)
    api_max_tasks, api_requests = _api_fleet(workload, speed, limits)
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
    """Tasks at most, messages for each of them, hours to finish."""
    task_hours = speed.task_time(workload.audio_hours)
    longest_hours = speed.task_time(limits.max_audio_seconds / 3600)
    planned_hours = PLANNED_SHARE * workload.window_hours - longest_hours
    latency_hours = ACCEPTABLE_LATENCY_SHARE * planned_hours
    # A task cannot have less backlog than the call it works on.
    backlog = max(1.0, latency_hours / speed.task_time(workload.talk_minutes_per_call / 60))

    def hours(tasks: int) -> float:
        # The full fleet works until the backlog is down to the acceptable latency. From there the scaling policy
        # takes tasks away as the backlog falls, so that it decays instead of ending: a logarithm of the fleet.
        return task_hours / tasks + latency_hours * math.log(tasks)

    # The policy never asks for more tasks than the whole batch has backlogs.
    most = math.ceil(workload.calls / backlog)
    tasks = next((n for n in range(1, most + 1) if hours(n) <= planned_hours), None)
    if tasks is None:
        raise UnreachableDeadline(
            f"workload.window_hours: got {workload.window_hours:g}, too short for any fleet:"
            f" {task_hours:.1f} task-hours, {longest_hours:.1f} of them for the longest call"
        )
    _within_quota("spot_vcpus", limits.spot_vcpus, tasks, speed, f"{task_hours:.1f} task-hours in time")
    # The longest call may be the last to start.
    return tasks, backlog, hours(tasks) + longest_hours


def _api_fleet(workload: Workload, speed: Speed, limits: Limits) -> tuple[int, float]:
    """Tasks at most, and requests that each takes in a minute while it keeps its headroom."""
    spare = 1 + limits.api_headroom
    peak = workload.api_audio_hours_in_busy_hour
    tasks = max(1, limits.api_min_tasks, math.ceil(speed.task_time(peak) * spare))
    purpose = f"deploys at {peak:g} API audio hours"
    _within_quota("on_demand_vcpus", limits.on_demand_vcpus, 2 * tasks, speed, purpose)
    return tasks, 1 / speed.task_time(workload.talk_minutes_per_call) / spare


def _within_quota(name: str, vcpus: float, tasks: int, speed: Speed, purpose: str) -> None:
    needed = tasks * speed.cpu / 1024
    if needed > vcpus:
        raise UnreachableDeadline(
            f"limits.{name}: got {vcpus:g}, expected {needed:g} or more: {purpose}"
            f" need {tasks} tasks of {speed.cpu / 1024:g} vCPU"
        )


def _invalid(name: str, value: object, expected: str) -> ValueError:
    return ValueError(f"{name}: got {str(value)!r}, expected {expected}")


def _whole(name: str, value: int, *, least: int) -> None:
    if not isinstance(value, int) or value < least:
        raise _invalid(name, value, f"a whole number, {least} or more")


def _above_zero(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise _invalid(name, value, "a number above 0")
