"""The price of an environment's backfill, and its plan in a sentence."""

from stacks.capacity import Prices
from stacks.environments.backfill import WAITING_DAYS
from stacks.environments.costs import per_audio_hour
from stacks.environments.environment import Environment


def backfill_price(environment: Environment, prices: Prices) -> float:
    """Dollars for all old recordings of the environment's backfill, on Spot; 0 without one."""
    hours = environment.backfill.audio_hours if environment.backfill else 0.0
    return hours * per_audio_hour(environment, prices, on_demand_share=0)


def backfill_summary(environment: Environment) -> str:
    """Work, time, fleet and price in a sentence; empty without a backfill."""
    plan, fleet = environment.backfill, environment.backfill_fleet
    if plan is None or fleet is None:
        return ""
    dollars = backfill_price(environment, Prices.read(environment.region))
    most = f" Upload {plan.audio_hours / plan.portions:,.0f} audio hours at most every {WAITING_DAYS} days."
    return (
        f"{plan.audio_hours:,.0f} audio hours in {fleet.days:.1f} of {plan.days} days on {fleet.tasks} Spot tasks, beside the"
        f" {environment.plan.batch_max_tasks} of new recordings, for ${dollars:,.0f}.{most if plan.portions > 1 else ''}"
    )
