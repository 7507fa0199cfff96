"""Whether a release is worse than the last one: its error rates and its speed against their limits."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.evaluation.comparison import ErrorRate, RateChange, compare, error_rates
from service.evaluation.measurement import MeasuredRecording, real_time_factor
from service.evaluation.report import Report
from service.evaluation.turns import Punctuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much worse a release may be: `error` is added to any rate, `slowdown` is a ratio; 0 allows any speed."""

    error: float
    slowdown: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedChange:
    """Processing time relative to the last release; `allowed` is None if the two cannot be compared."""

    ratio: float
    allowed: float | None

    @property
    def regressed(self) -> bool:
        """Whether the release is slower than allowed."""
        return self.allowed is not None and self.ratio > self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The changes since the last release, over the recordings that both releases heard."""

    rates: tuple[RateChange, ...]
    speed: SpeedChange

    @property
    def regressions(self) -> int:
        """How many rates, and the speed, are worse than allowed."""
        return sum(change.regressed for change in self.rates) + self.speed.regressed


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A release's figures over `recordings` of the `measured` recordings, and their changes.

    If there is a last release, `recordings` counts those that it heard as well; if not, `changes` is None. `starts` and
    `ends` of turns are None if no recording has the times of its turns.
    """

    measured: int
    recordings: int
    rates: tuple[ErrorRate, ...]
    real_time_factor: float
    changes: Changes | None
    starts: Punctuality | None = None
    ends: Punctuality | None = None

    @property
    def regressions(self) -> int:
        """How many figures are worse than allowed."""
        return self.changes.regressions if self.changes else 0


def judge(this: Report, last: Report | None, *, allowance: Allowance) -> Verdict:
    """Compare a release with the last one, whose recordings `this` must contain."""
    if last is None:
        return _verdict(this, this.recordings, rates=tuple(error_rates(this.recordings)), changes=None)
    measured = {recording.digest: recording for recording in this.recordings}
    shared = [measured[recording.digest] for recording in last.recordings]
    rates = tuple(compare(shared, last.recordings, allowed=allowance.error))
    now = tuple(change.now for change in rates)
    return _verdict(
        this, shared, rates=now, changes=Changes(rates=rates, speed=_speed_change(this, last, shared, allowance))
    )


def _speed_change(this: Report, last: Report, shared: Sequence[MeasuredRecording], allowance: Allowance) -> SpeedChange:
    """The change since the last release on the same kind of machine: times on another say nothing about the release."""
    kind, before = str(this.machine), real_time_factor(last.recordings)
    comparable = kind == str(last.machine)
    if not comparable and kind in last.speeds and len(shared) == len(this.recordings):
        before, comparable = last.speeds[kind], True
    return SpeedChange(
        ratio=real_time_factor(shared) / before,
        allowed=allowance.slowdown if allowance.slowdown > 0 and comparable else None,
    )


def _verdict(
    this: Report,
    recordings: Sequence[MeasuredRecording],
    *,
    rates: tuple[ErrorRate, ...],
    changes: Changes | None,
) -> Verdict:
    placements = [placement for recording in recordings for placement in recording.placements or ()]
    return Verdict(
        measured=len(this.recordings),
        recordings=len(recordings),
        rates=rates,
        real_time_factor=real_time_factor(recordings),
        changes=changes,
        starts=Punctuality.of([turn.start_error for turn in placements]) if placements else None,
        ends=Punctuality.of([turn.end_error for turn in placements]) if placements else None,
    )
