"""From a workload and a task's speed to a fleet, a deadline and a price: plain arithmetic, free of the CDK."""

from stacks.capacity.disk import check_lanes, largest_upload
from stacks.capacity.fleet import PLANNED_SHARE, Limits, Plan, Speed, UnreachableDeadline, Workload, plan
from stacks.capacity.prices import Prices, Task, idle_per_month, network_per_month

__all__ = [
    "PLANNED_SHARE",
    "Limits",
    "Plan",
    "Prices",
    "Speed",
    "Task",
    "UnreachableDeadline",
    "Workload",
    "check_lanes",
    "idle_per_month",
    "largest_upload",
    "network_per_month",
    "plan",
]
