"""How an environment is checked by itself: how often, and how long a golden call may take."""

from dataclasses import dataclass

from stacks.capacity import InvalidEnvironment, typed
from stacks.capacity.scaling import SLEEP_MINUTES
from stacks.environments.checks import listed
from stacks.environments.deployments import START_SECONDS
from stacks.environments.tasks import TaskSize

# The parts of a day that have the same length, so that the times of a check follow from its number of hours.
HOURS = (1, 2, 3, 4, 6, 8, 12, 24)
# From an upload into a sleeping environment until a task is asked for: S3 announces it within a minute, SQS or EventBridge
# report it within two more, and the scaling decides on the last three.
WAKE_SECONDS = 6 * 60
# The golden call itself lasts a few seconds.
WORK_SECONDS = 60
# From the upload of a golden call to its transcript.
GOLDEN_CALL_SECONDS = WAKE_SECONDS + START_SECONDS + WORK_SECONDS
# With the start of the task that sends it.
PROOF_SECONDS = START_SECONDS + GOLDEN_CALL_SECONDS
# A worker that was woken for it alone: it starts, works, and is taken away when no message has come for a while.
AWAKE_SECONDS = START_SECONDS + WORK_SECONDS + SLEEP_MINUTES * 60
# The comparison itself takes a minute for about ten thousand recordings.
RECONCILE_SECONDS = 3 * 60
# Both checks only wait for others: the smallest task of Fargate will do.
CHECK_SIZE = TaskSize(cpu=256, memory_mib=512)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPlan:
    """Two checks that run by themselves.

    Attributes:
        canary_hours: how often a golden call has to come back; each wakes a sleeping fleet for about half an hour.
        reconcile_hours: how often all recordings are compared with their results.
    """

    canary_hours: int = 24
    reconcile_hours: int = 24

    def __post_init__(self) -> None:
        typed(self, "watch")
        for name in ("canary_hours", "reconcile_hours"):
            if (hours := getattr(self, name)) not in HOURS:
                raise InvalidEnvironment(f"watch.{name}", hours, f"one of {listed(HOURS)}, which divide a day")
