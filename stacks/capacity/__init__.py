"""From a workload and a task's speed to a fleet, a deadline and a price: plain arithmetic, free of the CDK."""

from stacks.capacity.backfill import Backfill, plan_backfill
from stacks.capacity.brake import tasks_for_deadline
from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole, zero_or_more
from stacks.capacity.disk import check_lanes, largest_upload
from stacks.capacity.fleet import PLANNED_SHARE, Limits, Plan, UnreachableDeadline, plan
from stacks.capacity.hosts import HostKind
from stacks.capacity.prices import HOURS_PER_MONTH, Prices, Task, idle_per_month, network_per_month
from stacks.capacity.size import FARGATE_MEMORY_MIB, Choice, check_memory, choices, choose
from stacks.capacity.speed import Speed
from stacks.capacity.usage import DAYS_PER_MONTH, usage_of, usage_per_month
from stacks.capacity.workload import Arrival, Workload

__all__ = [
    "DAYS_PER_MONTH",
    "FARGATE_MEMORY_MIB",
    "HOURS_PER_MONTH",
    "PLANNED_SHARE",
    "Arrival",
    "Backfill",
    "Choice",
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
    "check_lanes",
    "check_memory",
    "choices",
    "choose",
    "idle_per_month",
    "largest_upload",
    "network_per_month",
    "plan",
    "plan_backfill",
    "tasks_for_deadline",
    "typed",
    "usage_of",
    "usage_per_month",
    "whole",
    "zero_or_more",
]
