"""The budget of an environment, with the brake if it has one."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.environments import Environment
from stacks.environments.regions import WITHOUT_BUDGETS
from stacks.monitoring.brake import Brake, BrakedFleet
from stacks.monitoring.spending import Spending


def guard(
    scope: Construct, *, environment: Environment, dollars: float, fleets: Sequence[BrakedFleet], topic: sns.Topic
) -> list[cloudwatch.Alarm]:
    """Make a budget of so many dollars a month, and the brake that it steps on; the brake's alarms.

    Stacks of some regions hold no budget.
    """
    if environment.region in WITHOUT_BUDGETS:
        return []
    tags = {key: environment.tags[key] for key in ("application", "environment")}
    budget = Spending(scope, "Spending", dollars=dollars, tags=tags, topic=topic).budget
    if not environment.brake:
        return []
    brake = Brake(scope, "Brake", environment=environment, plan=environment.brake, topic=topic)
    brake.limit(fleets, budget=budget, dollars=dollars)
    return brake.alarms
