"""When tasks on demand join a Spot fleet that may miss its deadline, and when they leave: one rule for simulator and alarms.

The rule looks at the Spot fleet alone. Tasks of the relief must not be counted: they would lower the projection, leave, and
have to join again.
"""

from stacks.capacity.speed import Speed

# Of the time from the last arrival of a batch until it is due. Relief joins after the planned share of it, because a fleet
# that Spot grants in full never gets there, and early enough to finish. Between both shares nothing changes.
JOINS_SHARE = 0.9
LEAVES_SHARE = 0.8
# Minutes in a row. A fleet that wakes has few tasks at first, and all of them within less.
RELIEF_MINUTES = 15
# The relief is sized for Spot that grants this share of the tasks that it is asked for.
SPOT_SHARE = 0.25
# From the time at which the deadline is in danger until the relief works: late metrics, the minutes above, and a start.
REACTION_HOURS = 0.5


def projected_seconds(*, oldest_seconds: float, backlog_audio_seconds: float, spot_tasks: int, speed: Speed) -> float:
    """How old the oldest message will be when the running Spot tasks have worked off the backlog.

    Args:
        oldest_seconds: age of the oldest message.
        backlog_audio_seconds: seconds of recording that wait or are being worked on.
        spot_tasks: tasks that run, without the relief; none counts as one, which is always asked for.
        speed: of a task.
    """
    return oldest_seconds + backlog_audio_seconds / (max(1, spot_tasks) * audio_seconds_per_task_second(speed))


def audio_seconds_per_task_second(speed: Speed) -> float:
    """Seconds of recording that a task works off in a second of its life."""
    return speed.audio_seconds_per_second * speed.busy_share


def joins_seconds(due_hours: float) -> float:
    """The projection above which relief joins."""
    return JOINS_SHARE * due_hours * 3600


def leaves_seconds(due_hours: float) -> float:
    """The projection below which relief leaves."""
    return LEAVES_SHARE * due_hours * 3600
