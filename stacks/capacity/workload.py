"""A call centre's workload. An audio hour is an hour of recording, however many channels it has.

The two sides of a call take turns and silence is skipped, so that a second channel adds little work.
"""

from dataclasses import dataclass

from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole, zero_or_more


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The calls that a call centre records, and when their transcripts are due.

    Attributes:
        agents: people on the phone on a working day.
        calls_per_agent_per_day: calls each of them handles.
        talk_minutes_per_call: average length of a recording, without after-call work, which is not recorded.
        days_per_batch: working days whose recordings arrive together.
        window_hours: from the arrival of a batch to the time its transcripts are due; Friday 20:00 to Monday 08:00 is 60.
        days_per_week: working days in a week.
        api_audio_hours_in_busy_hour: audio hours that internal tools send to the API in its busiest hour.
    """

    agents: int
    calls_per_agent_per_day: float
    talk_minutes_per_call: float
    days_per_batch: int
    window_hours: float
    days_per_week: int = 5
    api_audio_hours_in_busy_hour: float = 0.0

    def __post_init__(self) -> None:
        typed(self, "workload")
        whole("workload.agents", self.agents, least=1)
        above_zero("workload.calls_per_agent_per_day", self.calls_per_agent_per_day)
        above_zero("workload.talk_minutes_per_call", self.talk_minutes_per_call)
        whole("workload.days_per_batch", self.days_per_batch, least=1)
        whole("workload.days_per_week", self.days_per_week, least=1, most=7)
        most = 24 * self.days_per_batch
        if not 0 < self.window_hours <= most:
            expected = f"more than 0 and at most {most}, or the next batch lands before this one is due"
            raise InvalidEnvironment("workload.window_hours", self.window_hours, expected)
        zero_or_more("workload.api_audio_hours_in_busy_hour", self.api_audio_hours_in_busy_hour)

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
        return self.audio_hours / self.days_per_batch * self.days_per_week * 52 / 12
