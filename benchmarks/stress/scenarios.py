"""The scenarios of the stress test; times are of the plan, which the local cloud compresses."""

from dataclasses import dataclass

HOUR = 3600.0
# The fleet of the emulator's environment has three tasks, and relief of as many.
ONE_OF_THREE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Calls that arrive, and the capacity for them.

    Attributes:
        name: of its files.
        title: for people.
        arrivals: the time of each call in seconds, in order.
        granted: tasks that Spot has room for; None for any number.
        rounds: how often it is measured.
    """

    name: str
    title: str
    arrivals: tuple[float, ...]
    granted: int | None = None
    rounds: int = 1


def ramp(calls: int, *, hours: float) -> tuple[float, ...]:
    """Calls whose rate grows evenly from none."""
    return tuple(hours * HOUR * (number / calls) ** 0.5 for number in range(calls))


def bursts(calls: int, *, every_hours: float = 0.0, times: int = 1) -> tuple[float, ...]:
    """The same number of calls at once, once or several times."""
    return tuple(part * every_hours * HOUR for part in range(times) for _ in range(calls))


# One worker under steady load, which tells what a call costs beside its length.
CALIBRATION = Scenario(name="calibration", title="Calibration, one worker", arrivals=bursts(8), granted=1)
DRAIN = Scenario(name="drain", title="A batch at once", arrivals=bursts(24), rounds=5)
SCENARIOS = (
    DRAIN,
    Scenario(name="ramp", title="A rate that grows over two hours", arrivals=ramp(30, hours=2)),
    Scenario(name="bursts", title="Three bursts, an hour apart", arrivals=bursts(10, every_hours=1, times=3)),
    Scenario(
        name="weekend",
        title="A weekend's batch at once, Spot grants one task of three",
        arrivals=bursts(60),
        granted=ONE_OF_THREE,
    ),
)
