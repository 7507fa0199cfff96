"""The result of a replay."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The fleet at the end of one minute.

    Attributes:
        seconds: since the first arrival of the week.
        waiting: visible messages.
        working: messages in flight.
        backlog_audio_seconds: seconds of recording that wait or are being worked on.
        oldest_seconds: age of the oldest message.
        running: tasks of the fleet that take messages; Spot, and those that always run on demand.
        relief: tasks of the relief that take messages.
        desired: tasks that the scaling asks for, without the relief.
        slack_seconds: from the end of the backlog, at the speed of the tasks that run, to the time it is due.
        audio_seconds_per_second: of all tasks that run.
    """

    seconds: float
    waiting: int
    working: int
    backlog_audio_seconds: float
    oldest_seconds: float
    running: int
    relief: int
    desired: int
    slack_seconds: float
    audio_seconds_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """One batch: seconds from its first arrival to its last transcript, and from there to the time it was due."""

    seconds: float
    slack_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A replayed week.

    Attributes:
        batches: in the order of their arrival.
        audio_hours: of all recordings.
        spot_hours: of the life of tasks on Spot.
        on_demand_hours: likewise, on demand, without the relief.
        relief_hours: likewise, of the relief.
        busy_hours: of all tasks, at work on a recording.
        interruptions: of tasks by Spot.
        repeats: of recordings that were interrupted.
        samples: one for each minute in which there was a message or a task.
    """

    batches: Sequence[Drained]
    audio_hours: float
    spot_hours: float
    on_demand_hours: float
    relief_hours: float
    busy_hours: float
    interruptions: int
    repeats: int
    samples: Sequence[Sample]

    @property
    def drain_seconds(self) -> float:
        """Of the batch that took longest."""
        return max(batch.seconds for batch in self.batches)

    @property
    def slack_seconds(self) -> float:
        """Of the batch with the least."""
        return min(batch.slack_seconds for batch in self.batches)

    @property
    def missed(self) -> bool:
        """Whether a transcript was late."""
        return self.slack_seconds < 0

    @property
    def task_hours(self) -> float:
        """Hours of life of all tasks."""
        return self.spot_hours + self.on_demand_hours + self.relief_hours

    @property
    def busy_share(self) -> float:
        """Part of the tasks' life at work; a plan assumes one (`Speed.busy_share`)."""
        return self.busy_hours / self.task_hours if self.task_hours else 1.0
