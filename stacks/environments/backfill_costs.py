"""The price of an environment's backfill, its share of the budget, and its plan in a sentence."""

from collections.abc import Mapping

from stacks.capacity import DAYS_PER_MONTH, HOURS_PER_MONTH, Prices, usage_of
from stacks.environments.backfill import WAITING_DAYS
from stacks.environments.costs import month, per_audio_hour
from stacks.environments.environment import Environment


def backfill_bill(environment: Environment, prices: Prices) -> Mapping[str, float]:
    """Dollars for all old recordings, by name: tasks on Spot, and usage until the last transcript has expired.

    Empty without a backfill.
    """
    plan, workload = environment.backfill, environment.workload
    if plan is None:
        return {}
    usage = usage_of(
        prices,
        calls=plan.audio_hours * 60 / workload.talk_minutes_per_call,
        audio_hours=plan.audio_hours,
        channels=workload.channels,
        recording_days=environment.recording_days,
        transcript_days=environment.transcript_days,
    )
    return {"tasks": plan.audio_hours * per_audio_hour(environment, prices, on_demand_share=0), **usage}


def budget(environment: Environment, prices: Prices) -> float:
    """Dollars that a month may cost: the workload's, and the most that a month of the backfill takes.

    Without the second, a backfill would be taken for waste, and a brake on the month would stop it, and the week's fleet.
    """
    plan, fleet = environment.backfill, environment.backfill_fleet
    if plan is None or fleet is None:
        return month(environment, prices)
    # The whole fleet for a month, or for less time; what is stored piles up over the days of the upload until it expires.
    at_work = fleet.tasks * HOURS_PER_MONTH / fleet.task_hours
    shares = {
        "recordings": DAYS_PER_MONTH / max(plan.days, environment.recording_days),
        "transcripts": DAYS_PER_MONTH / max(plan.days, environment.transcript_days),
    }
    old = sum(
        dollars * min(1.0, shares.get(name, at_work)) for name, dollars in backfill_bill(environment, prices).items()
    )
    return month(environment, prices) + old


def backfill_summary(environment: Environment) -> str:
    """Work, time, fleet and price in a sentence; empty without a backfill."""
    plan, fleet = environment.backfill, environment.backfill_fleet
    if plan is None or fleet is None:
        return ""
    bill = backfill_bill(environment, Prices.read(environment.region))
    beside = sum(bill.values()) - bill["tasks"]
    most = f" Upload {plan.audio_hours / plan.portions:,.0f} audio hours at most every {WAITING_DAYS} days."
    return (
        f"{plan.audio_hours:,.0f} audio hours in {fleet.days:.1f} of {plan.days} days on {fleet.tasks} Spot tasks, beside the"
        f" {environment.plan.batch_max_tasks} of new recordings, for ${bill['tasks']:,.0f}, and ${beside:,.0f} of storage and"
        f" requests until the last transcript expires.{most if plan.portions > 1 else ''}"
    )
