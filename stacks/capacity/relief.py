"""When tasks on demand join a Spot fleet that would miss its deadline: one rule for the simulator and for the alarms.

The stacks write it as metric math (`stacks/batch/relief.py`); a test compares both.
"""

from math import ceil

from stacks.capacity.scaling import Evaluation, Target, Wish, step

# Of the time from the last arrival of a batch until it is due: the time at which relief has to be done. The fleet is planned
# to finish before, so that one which Spot grants in full is never relieved.
JOINS_SHARE = 0.9
# Of that time: the least that the rest of the work is divided by when the deadline is near or has passed.
LEAST_SHARE = 0.05
# Of these minutes, so many have to show the shortage. A fleet that wakes has one task for twenty of them: it starts, is
# reported, and the others that are then asked for start. And a minute whose metrics are late must not begin them again.
RELIEF_MINUTES, RELIEF_NEEDED_MINUTES = 30, 24
# Minutes in a row with relief that has nothing to do until it leaves. It is gone before the last Spot task sleeps: relief
# that works would keep a sleeping Spot fleet from waking.
LEAVE_MINUTES = 5
# The relief is sized for Spot that grants this share of the tasks that it is asked for.
SPOT_SHARE = 0.25
# From the time at which the deadline is in danger until the relief works: late metrics, the minutes above, and a start.
REACTION_HOURS = 0.6


def joins_seconds(due_hours: float) -> float:
    """The age of the oldest message by which relief has to be done, for a batch that is due this long after its last arrival."""
    return JOINS_SHARE * due_hours * 3600


def missing_tasks(
    *,
    oldest_seconds: float,
    backlog_audio_seconds: float,
    joins_seconds: float,
    spot_tasks: int,
    relief_tasks: int,
    audio_seconds_per_task_second: float,
) -> int:
    """How many more tasks would finish the backlog in time; below 0 if there are more than enough.

    Args:
        oldest_seconds: age of the oldest message.
        backlog_audio_seconds: seconds of recording that wait or are being worked on.
        joins_seconds: age of the oldest message by which relief has to be done.
        spot_tasks: tasks that run on Spot.
        relief_tasks: those that were asked for; one that still starts is not asked for twice.
        audio_seconds_per_task_second: what a task works off in a second of its life.
    """
    left = max(joins_seconds - oldest_seconds, LEAST_SHARE * joins_seconds)
    return ceil(backlog_audio_seconds / audio_seconds_per_task_second / left) - spot_tasks - relief_tasks


class ReliefRules:
    """The rules of a relief: the tasks that are missing join it, and leave when nothing waits."""

    def __init__(self, *, max_tasks: int) -> None:
        self._most, self._target = max_tasks, Target(least=0, most=max_tasks)
        self._join = Evaluation(needed=RELIEF_NEEDED_MINUTES, periods=RELIEF_MINUTES)
        self._leave = Evaluation(needed=LEAVE_MINUTES, periods=LEAVE_MINUTES)

    def minute(self, *, missing: int, waiting: float, working: float, tasks: int) -> int:
        """The number of tasks to ask for after a minute; `tasks` is the one before."""
        self._target.begin_minute()
        idle = 0.0 if waiting >= 1 else tasks - min(working, tasks)
        wishes = []
        if self._join.see(beyond=waiting > 0 and missing >= 1) and missing >= 1:
            wishes.append(Wish(policy="Join", tasks=tasks + step(min(missing, self._most)) - self._target.added))
        if self._leave.see(beyond=idle >= 1):
            wishes.append(Wish(policy="Leave", tasks=tasks - step(idle)))
        wish = self._target.decide(wishes, tasks=tasks)
        return tasks if wish is None else wish.tasks
