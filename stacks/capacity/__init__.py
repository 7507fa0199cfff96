"""From a workload and a task's speed to a fleet, a deadline and a price: plain arithmetic, free of the CDK."""

from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole, zero_or_more
from stacks.capacity.disk import check_lanes, largest_upload
from stacks.capacity.fleet import PLANNED_SHARE, Limits, Plan, UnreachableDeadline, plan
from stacks.capacity.prices import HOURS_PER_MONTH, Prices, Task, idle_per_month, network_per_month
from stacks.capacity.relief import RELIEF_MINUTES, audio_seconds_per_task_second, projected_seconds
from stacks.capacity.speed import HostKind, Speed
from stacks.capacity.workload import Arrival, Workload

__all__ = [
    "HOURS_PER_MONTH",
    "PLANNED_SHARE",
    "RELIEF_MINUTES",
    "Arrival",
    "HostKind",
    "InvalidEnvironment",
    "Limits",
    "Plan",
    "Prices",
    "Speed",
    "Task",
    "UnreachableDeadline",
    "Workload",
    "above_zero",
    "audio_seconds_per_task_second",
    "check_lanes",
    "idle_per_month",
    "largest_upload",
    "network_per_month",
    "plan",
    "projected_seconds",
    "typed",
    "whole",
    "zero_or_more",
]
