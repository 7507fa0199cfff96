"""What differs between dev, stage, prod and local: validated values, each choice beside its check."""

from stacks.environments.environment import Environment, environments, select
from stacks.environments.plans import (
    ApiPlan,
    CommitPlan,
    Egress,
    InvalidEnvironment,
    NetworkPlan,
    OfficeHours,
    Processor,
    ReleasePlan,
    Routing,
    Source,
    Strategy,
    TaskSize,
    Weights,
)

__all__ = [
    "ApiPlan",
    "CommitPlan",
    "Egress",
    "Environment",
    "InvalidEnvironment",
    "NetworkPlan",
    "OfficeHours",
    "Processor",
    "ReleasePlan",
    "Routing",
    "Source",
    "Strategy",
    "TaskSize",
    "Weights",
    "environments",
    "select",
]
