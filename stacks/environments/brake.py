"""A limit on the batch fleet in a month that costs more than its budget."""

from dataclasses import dataclass

from stacks.capacity import InvalidEnvironment, above_zero, typed
from stacks.environments.regions import WITHOUT_BUDGETS

# A message moves to the dead letters with its age, and SQS keeps none for more than 14 days: the rest is for people.
USUAL_DAYS, BRAKED_DAYS = 7, 12
# A share above it is meant in percent: the brake would never act.
MOST_SHARE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetBrake:
    """A brake on the batch fleet, by the cost of the month so far.

    Attributes:
        slow_at: share of the month's budget at which the fleet may have only the tasks that the deadline needs.
        stop_at: share at which it may have none; recordings wait.
    """

    slow_at: float = 1.0
    stop_at: float = 1.5

    def __post_init__(self) -> None:
        typed(self, "brake")
        above_zero("brake.slow_at", self.slow_at)
        if not self.slow_at < MOST_SHARE:
            expected = f"a share of the budget below {MOST_SHARE}, such as 1.0; not percent"
            raise InvalidEnvironment("brake.slow_at", self.slow_at, expected)
        if not self.slow_at < self.stop_at <= MOST_SHARE:
            expected = f"a share above {self.slow_at:g}, as slow_at is, {MOST_SHARE} at most; not percent"
            raise InvalidEnvironment("brake.stop_at", self.stop_at, expected)


def check_brake(environment: str, brake: BudgetBrake | None, *, region: str) -> None:
    """Refuse a brake in a region whose stacks hold no budget that it could read."""
    if brake and region in WITHOUT_BUDGETS:
        raise InvalidEnvironment(f"{environment}.brake", brake, f"None in {region}, whose stacks hold no budget")


def waiting_days(brake: BudgetBrake | None) -> int:
    """How many days a message waits on the queue: longer if a fleet may be stopped until the month ends."""
    return BRAKED_DAYS if brake else USUAL_DAYS
