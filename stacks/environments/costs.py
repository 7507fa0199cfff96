"""What an environment costs: the prices of `stacks.capacity.prices` for the values of `stacks.environments.environment`."""

from stacks.capacity import Prices, Task, idle_per_month, network_per_month
from stacks.environments.environment import Environment
from stacks.environments.plans import INTERFACE_ENDPOINTS, Egress


def billed(environment: Environment, egress: Egress) -> Task:
    """A task of the environment as the bill sees it."""
    size = environment.size
    return Task(
        cpu=size.cpu,
        memory_mib=size.memory_mib,
        processor=environment.processor,
        public=egress is Egress.PUBLIC,
    )


def idle(environment: Environment, egress: Egress, prices: Prices) -> float:
    """Dollars a month that an environment costs without a call, were its egress this one."""
    return sum(idle_parts(environment, egress, prices).values())


def idle_parts(environment: Environment, egress: Egress, prices: Prices) -> dict[str, float]:
    """What these dollars are for."""
    network = network_per_month(prices, endpoints=len(INTERFACE_ENDPOINTS), zones=len(environment.network.zones))
    task = billed(environment, egress)
    return idle_per_month(prices, network=network[egress], task=task, tasks=environment.api.average_tasks)


def batch_per_audio_hour(environment: Environment, prices: Prices) -> float:
    """Dollars for an hour of recording on the batch fleet, of which some tasks may be on demand."""
    task, speed = billed(environment, environment.network.egress), environment.plan.speed
    spot, on_demand = (task.per_audio_hour(prices, speed=speed, spot=spot) for spot in (True, False))
    return spot + environment.on_demand_share * (on_demand - spot)


def month(environment: Environment, prices: Prices) -> float:
    """Dollars of a month in which the workload is what the environment says it is."""
    hours = environment.workload.audio_hours_per_month
    idling = idle(environment, environment.network.egress, prices)
    return idling + hours * batch_per_audio_hour(environment, prices)
