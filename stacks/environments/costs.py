"""The costs of an environment: its values in the formulas of `stacks.capacity`, in US dollars."""

from dataclasses import replace

from stacks.capacity import Prices, idle_per_month
from stacks.environments.environment import Environment
from stacks.environments.network import Egress


def idle(environment: Environment, egress: Egress, prices: Prices) -> float:
    """Dollars a month that the environment costs without a single call, if its egress is this one."""
    return sum(idle_parts(environment, egress, prices).values())


def idle_parts(environment: Environment, egress: Egress, prices: Prices) -> dict[str, float]:
    """The parts of `idle`, by name."""
    api = environment.api
    return idle_per_month(
        prices,
        network=environment.network.per_month(prices)[egress],
        task=replace(environment.task, public=egress is Egress.PUBLIC),
        tasks=api.average_tasks,
        web_acl=api.web_acl is not None,
    )


def per_audio_hour(environment: Environment, prices: Prices, *, on_demand_share: float) -> float:
    """Dollars for an hour of recording on its tasks, of which this share is on demand."""
    return environment.task.per_audio_hour(prices, speed=environment.plan.speed, on_demand_share=on_demand_share)


def batch_per_audio_hour(environment: Environment, prices: Prices) -> float:
    """Dollars for an hour of recording on the full batch fleet."""
    return per_audio_hour(environment, prices, on_demand_share=environment.on_demand_share)


def month(environment: Environment, prices: Prices) -> float:
    """Dollars a month under the environment's workload."""
    hours = environment.workload.audio_hours_per_month
    idling = idle(environment, environment.network.egress, prices)
    return idling + hours * batch_per_audio_hour(environment, prices)
