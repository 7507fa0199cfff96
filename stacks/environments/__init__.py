"""The differences between environments as validated values, each choice beside its check."""

from stacks.capacity import InvalidEnvironment
from stacks.environments.alarms import AlarmPlan, Chat
from stacks.environments.api import ApiPlan, OfficeHours, Routing, Strategy
from stacks.environments.backfill import BackfillPlan
from stacks.environments.brake import BudgetBrake, waiting_days
from stacks.environments.delivery import CommitPlan, Identity, ReleasePlan, Source
from stacks.environments.emulator import EMULATED, emulated
from stacks.environments.environment import Environment
from stacks.environments.existing_network import ExistingNetwork
from stacks.environments.names import RUNNING, name_prefix, parameter_name, releaser_role, role_name, step_role
from stacks.environments.network import INTERFACE_ENDPOINTS, Egress, NetworkPlan
from stacks.environments.profiles import old_profiles
from stacks.environments.reading import environments
from stacks.environments.retention import LEAST_DAYS, Retention
from stacks.environments.selection import select
from stacks.environments.tags import Tag
from stacks.environments.tasks import Processor, TaskSize, Weights
from stacks.environments.traces import TracePlan
from stacks.environments.watch import CHECK_SIZE, GOLDEN_CALL_SECONDS, PROOF_SECONDS, WatchPlan
from stacks.environments.web_acl import WebAcl
from stacks.environments.writers import Writer

__all__ = [
    "CHECK_SIZE",
    "EMULATED",
    "GOLDEN_CALL_SECONDS",
    "INTERFACE_ENDPOINTS",
    "LEAST_DAYS",
    "PROOF_SECONDS",
    "RUNNING",
    "AlarmPlan",
    "ApiPlan",
    "BackfillPlan",
    "BudgetBrake",
    "Chat",
    "CommitPlan",
    "Egress",
    "Environment",
    "ExistingNetwork",
    "Identity",
    "InvalidEnvironment",
    "NetworkPlan",
    "OfficeHours",
    "Processor",
    "ReleasePlan",
    "Retention",
    "Routing",
    "Source",
    "Strategy",
    "Tag",
    "TaskSize",
    "TracePlan",
    "WatchPlan",
    "WebAcl",
    "Weights",
    "Writer",
    "emulated",
    "environments",
    "name_prefix",
    "old_profiles",
    "parameter_name",
    "releaser_role",
    "role_name",
    "select",
    "step_role",
    "waiting_days",
]
