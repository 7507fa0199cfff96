"""The table that the gate prints."""

from service.evaluation.comparison import ErrorRate, Estimate, RateChange
from service.evaluation.turns import Punctuality
from service.evaluation.verdict import Changes, SpeedChange, Verdict


def table(verdict: Verdict) -> str:
    """A line for each rate, one for the speed and one for the outcome; it contains no names and no words of a call."""
    changes = verdict.changes
    header = f"{'':<13}{'of':<11}{'count':>8}{'wrong':>9}{'95 % interval':>19}"
    rows = [_rate(rate) for rate in verdict.rates]
    speed = f"real-time factor {verdict.real_time_factor:.4f}"
    if changes:
        header += f"{'last':>9}{'worse by':>10}{'95 % interval':>19}{'allowed':>9}"
        rows = [row + _change(change) for row, change in zip(rows, changes.rates, strict=True)]
        speed += _speed_change(changes.speed)
    outcome = f"{verdict.recordings} of {verdict.measured} recordings {_outcome(changes)}"
    return "\n".join([header, *rows, *_times(verdict), speed, outcome])


def _times(verdict: Verdict) -> list[str]:
    if not (verdict.starts and verdict.ends):
        return []
    return [f"turns start {_off(verdict.starts)}; they end {_off(verdict.ends)}"]


def _off(times: Punctuality) -> str:
    return f"{times.median:.2f} s (median) and {times.p95:.2f} s (p95) off"


def _rate(rate: ErrorRate) -> str:
    return f"{rate.group:<13}{rate.metric:<11}{rate.count:>8}{rate.rate.value:>9.2%}{_interval(rate.rate)}"


def _change(change: RateChange) -> str:
    columns = f"{change.last:>9.2%}{change.increase.value:>+10.2%}{_interval(change.increase, sign='+')}"
    return f"{columns}{change.allowed:>9.2%}{_mark(regressed=change.regressed)}"


def _speed_change(speed: SpeedChange) -> str:
    limit = "not compared" if speed.allowed is None else f"{speed.allowed:.2f} allowed"
    return f", {speed.ratio:.2f} times the last release's; {limit}{_mark(regressed=speed.regressed)}"


def _interval(estimate: Estimate, *, sign: str = "") -> str:
    return f"{estimate.low:>{sign}9.2%} …{estimate.high:>{sign}8.2%}"


def _mark(*, regressed: bool) -> str:
    return "  REGRESSION" if regressed else ""


def _outcome(changes: Changes | None) -> str:
    if changes is None:
        return "measured, no earlier report to compare with"
    return f"compared with the last release: {changes.regressions or 'no'} regressions"
