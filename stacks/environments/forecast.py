"""An environment in the planner's terms: its forecast, and what is replayed for it."""

from stacks.capacity import Prices
from stacks.capacity.report import Forecast
from stacks.capacity.simulation import Behaviour, Case
from stacks.environments.costs import bill, idle
from stacks.environments.environment import Environment


def forecast(environment: Environment) -> Forecast:
    """Its plan and its bill, in the prices of its region."""
    prices = Prices.read(environment.region)
    return Forecast(
        name=environment.name,
        workload=environment.workload,
        plan=environment.plan,
        task=environment.task,
        spot_vcpus=environment.spot_vcpus,
        on_demand_vcpus=environment.on_demand_vcpus,
        always_on_demand=environment.on_demand_workers,
        idle=idle(environment, environment.network.egress, prices),
        bill=bill(environment, prices),
        prices=prices,
    )


def case(environment: Environment) -> Case:
    """Its fleet and its calls, for replays."""
    settings = environment.settings
    # A session ends as soon as the calls in hand are done.
    session = settings.receiving_seconds + settings.rest_seconds
    return Case(
        plan=environment.plan,
        workload=environment.workload,
        behaviour=Behaviour(resting_share=settings.rest_seconds / session),
        longest_seconds=settings.max_audio_seconds,
        lanes=settings.lanes,
        always_on_demand=environment.on_demand_workers,
    )
