"""The calls of a week: when each recording arrives, and how long it is."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stacks.capacity.workload import Arrival, Workload

# Lengths are drawn once and used again in turn: the average of a batch is then that of the workload, whatever its size.
POOL = 499


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Recordings that are due together; times in seconds.

    Attributes:
        due: the time at which the last transcript has to be there.
        arrivals: the time of each recording, in order.
    """

    due: float
    arrivals: Sequence[float]


def week(workload: Workload, *, chance: random.Random, volume: float = 1.0) -> Iterator[Batch]:
    """The batches of a week of `days_per_week` working days; `volume` multiplies their calls."""
    calls = max(1, round(volume * workload.calls))
    for number in range(max(1, workload.days_per_week // workload.days_per_batch)):
        begin = number * workload.days_per_batch * 86_400.0
        yield Batch(due=begin + workload.window_hours * 3600, arrivals=_arrivals(workload, begin, calls, chance))


def _arrivals(workload: Workload, begin: float, calls: int, chance: random.Random) -> list[float]:
    seconds = workload.arrival_hours * 3600
    if workload.arrival is Arrival.OPEN_HOURS:
        # Calls end independently of each other, so that their number in an hour varies.
        return sorted(begin + chance.uniform(0, seconds) for _ in range(calls))
    # The last recordings of a burst end it.
    last = max(1, workload.bursts - 1)
    return [begin + seconds * (number * workload.bursts // calls) / last for number in range(calls)]


def lengths(workload: Workload, *, spread: float, longest: float, chance: random.Random) -> Sequence[float]:
    """Seconds of recordings to take in turn, with the average of the workload.

    They are log-normal, as the lengths of calls are, and none is longer than the longest that the service accepts.
    """
    average = workload.talk_minutes_per_call * 60
    if spread == 0:
        return [average]
    sigma = math.sqrt(math.log(1 + spread**2))
    drawn = [min(longest / average, chance.lognormvariate(-(sigma**2) / 2, sigma)) for _ in range(POOL)]
    scale = average * POOL / sum(drawn)
    return [min(longest, scale * each) for each in drawn]
