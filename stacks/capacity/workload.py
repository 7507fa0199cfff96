"""A call centre's workload. An audio hour is an hour of recording, however many channels it has.

The two sides of a call take turns and silence is skipped, so that a second channel adds little work.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole, zero_or_more

# The service decodes no more.
MAX_CHANNELS = 8
DAY_MINUTES = 24 * 60


class Arrival(StrEnum):
    """When the recordings of a batch arrive."""

    AT_ONCE = "at-once"  # all of them as the window begins, as a weekly export brings them
    OPEN_HOURS = "open-hours"  # evenly over `arrival_hours`, as the calls of an open centre end
    BURSTS = "bursts"  # in equal parts, the first as the window begins, the last after `arrival_hours`


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The calls that a call centre records, and when their transcripts are due.

    Attributes:
        agents: people on the phone on a working day.
        calls_per_agent_per_day: calls each of them handles.
        talk_minutes_per_call: average length of a recording, without after-call work, which is not recorded.
        days_per_batch: working days whose recordings belong to one batch.
        window_hours: from the first arrival of a batch to the time its transcripts are due; Friday 20:00 to Monday 08:00
            is 60.
        days_per_week: working days in a week.
        api_audio_hours_in_busy_hour: audio hours that internal tools send to the API in its busiest hour.
        channels: of a recording; they cost storage, and no time.
        speech_share: seconds of speech, on whatever channel, in a second of recording; None for as many as in the
            recordings that the speed was measured on. Work is proportional to it.
        arrival: the pattern in which the recordings of a batch arrive.
        arrival_hours: from the first arrival of a batch to the last; 0 if all arrive at once.
        bursts: parts in which a batch arrives in bursts; 1 otherwise.
    """

    agents: int
    calls_per_agent_per_day: float
    talk_minutes_per_call: float
    days_per_batch: int
    window_hours: float
    days_per_week: int = 5
    api_audio_hours_in_busy_hour: float = 0.0
    channels: int = 2
    speech_share: float | None = None
    arrival: Arrival = Arrival.AT_ONCE
    arrival_hours: float = 0.0
    bursts: int = 1

    def __post_init__(self) -> None:
        typed(self, "workload")
        whole("workload.agents", self.agents, least=1)
        above_zero("workload.calls_per_agent_per_day", self.calls_per_agent_per_day)
        above_zero("workload.talk_minutes_per_call", self.talk_minutes_per_call)
        if self.calls_per_agent_per_day * self.talk_minutes_per_call > DAY_MINUTES:
            most = DAY_MINUTES / self.calls_per_agent_per_day
            expected = (
                f"at most {most:g} with {self.calls_per_agent_per_day:g} calls, or those of an agent last longer than a day;"
                " minutes are meant, not seconds"
            )
            raise InvalidEnvironment("workload.talk_minutes_per_call", self.talk_minutes_per_call, expected)
        whole("workload.days_per_batch", self.days_per_batch, least=1)
        whole("workload.days_per_week", self.days_per_week, least=1, most=7)
        most_hours = 24 * self.days_per_batch
        if not 0 < self.window_hours <= most_hours:
            expected = f"more than 0 and at most {most_hours}, or the next batch lands before this one is due"
            raise InvalidEnvironment("workload.window_hours", self.window_hours, expected)
        zero_or_more("workload.api_audio_hours_in_busy_hour", self.api_audio_hours_in_busy_hour)
        whole("workload.channels", self.channels, least=1, most=MAX_CHANNELS)
        if self.speech_share is not None and not 0 < self.speech_share <= self.channels:
            expected = f"a share above 0, {self.channels} at most for {self.channels} channels, such as 0.6; or None"
            raise InvalidEnvironment("workload.speech_share", self.speech_share, expected)
        self._check_arrival()

    @property
    def calls(self) -> float:
        """Recordings in a batch."""
        return self.agents * self.calls_per_agent_per_day * self.days_per_batch

    @property
    def audio_hours(self) -> float:
        """Hours of recording in a batch."""
        return self.calls * self.talk_minutes_per_call / 60

    @property
    def audio_hours_per_month(self) -> float:
        """Hours of recording in a twelfth of a year, for budgets."""
        return self.audio_hours * self.batches_per_month

    @property
    def batches_per_month(self) -> float:
        """Batches in a twelfth of a year."""
        return self.days_per_week / self.days_per_batch * 52 / 12

    @property
    def due_hours(self) -> float:
        """From the last arrival of a batch to the time its transcripts are due."""
        return self.window_hours - self.arrival_hours

    @property
    def parts(self) -> float:
        """Equal parts in which a batch arrives; infinite if its calls arrive one by one."""
        return math.inf if self.arrival is Arrival.OPEN_HOURS else self.bursts

    def _check_arrival(self) -> None:
        """The pattern has the numbers that it needs, and no others; nothing is due before it arrives."""
        at_once, in_bursts = (self.arrival is each for each in (Arrival.AT_ONCE, Arrival.BURSTS))
        zero_or_more("workload.arrival_hours", self.arrival_hours)
        if at_once != (self.arrival_hours == 0):
            expected = f"{'0' if at_once else 'more than 0'} when the arrival is {self.arrival}"
            raise InvalidEnvironment("workload.arrival_hours", self.arrival_hours, expected)
        if in_bursts != (self.bursts > 1):
            expected = f"{'2 or more' if in_bursts else '1'} when the arrival is {self.arrival}"
            raise InvalidEnvironment("workload.bursts", self.bursts, expected)
        if self.arrival_hours >= self.window_hours:
            expected = f"more than {self.arrival_hours:g}, or a deadline is before the work arrives"
            raise InvalidEnvironment("workload.window_hours", self.window_hours, expected)
