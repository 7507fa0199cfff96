"""The costs of an environment: its values in the formulas of `stacks.capacity`, in US dollars."""

from dataclasses import replace

from stacks.capacity import HOURS_PER_MONTH, Prices, Task, idle_per_month, usage_per_month
from stacks.environments.environment import Environment
from stacks.environments.network import Egress
from stacks.environments.watch import AWAKE_SECONDS, CHECK_SIZE, GOLDEN_CALL_SECONDS, RECONCILE_SECONDS


def idle(environment: Environment, egress: Egress, prices: Prices) -> float:
    """Dollars a month that the environment costs without a single call, if its egress is this one."""
    return sum(idle_parts(environment, egress, prices).values())


def idle_parts(environment: Environment, egress: Egress, prices: Prices) -> dict[str, float]:
    """The parts of `idle`, by name."""
    api, task = environment.api, replace(environment.task, public=egress is Egress.PUBLIC)
    bill = idle_per_month(
        prices,
        network=environment.network.per_month(prices)[egress],
        task=task,
        tasks=api.average_tasks,
        web_acl=api.web_acl is not None,
    )
    return bill | {"checks": _checks(environment, task, prices)}


def _checks(environment: Environment, task: Task, prices: Prices) -> float:
    """Dollars a month of the tasks that check the environment, and of a sleeping worker that each golden call wakes."""
    small = replace(task, cpu=CHECK_SIZE.cpu, memory_mib=CHECK_SIZE.memory_mib).per_hour(prices, on_demand_share=1)
    worker = task.per_hour(prices, on_demand_share=1 if environment.on_demand_workers else 0)
    golden_call = worker * AWAKE_SECONDS + small * GOLDEN_CALL_SECONDS
    plan = environment.watch
    seconds = golden_call / plan.canary_hours + small * RECONCILE_SECONDS / plan.reconcile_hours
    return HOURS_PER_MONTH * seconds / 3600


def per_audio_hour(environment: Environment, prices: Prices, *, on_demand_share: float) -> float:
    """Dollars for an hour of recording on its tasks, of which this share is on demand."""
    return environment.task.per_audio_hour(prices, speed=environment.plan.speed, on_demand_share=on_demand_share)


def batch_per_audio_hour(environment: Environment, prices: Prices) -> float:
    """Dollars for an hour of recording on the full batch fleet."""
    return per_audio_hour(environment, prices, on_demand_share=environment.on_demand_share)


def bill(environment: Environment, prices: Prices) -> dict[str, float]:
    """The parts of `month`, by name."""
    hours, share = environment.workload.audio_hours_per_month, environment.on_demand_share
    spot, on_demand = (per_audio_hour(environment, prices, on_demand_share=each) for each in (0, 1))
    usage = usage_per_month(
        prices,
        workload=environment.workload,
        recording_days=environment.recording_days,
        transcript_days=environment.transcript_days,
    )
    return {
        **idle_parts(environment, environment.network.egress, prices),
        "batch on Spot": hours * (1 - share) * spot,
        "batch on demand": hours * share * on_demand,
        **usage,
    }


def month(environment: Environment, prices: Prices) -> float:
    """Dollars a month under the environment's workload."""
    return sum(bill(environment, prices).values())
