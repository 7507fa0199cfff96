"""The kinds of hosts that a task may get, and the speed that a share of the tasks reaches on them."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path

from service.task_profile import KINDS
from stacks.capacity.checks import InvalidEnvironment, above_zero, typed

FILE = Path(__file__).with_name("hosts.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKind:
    """A kind of processor that a task may get, and how fast the task is on it.

    Attributes:
        kind: by the instructions that make it fast or slow, as `service.processor.kind` names it.
        share: of the tasks that get it, from 0 to 1. Fargate publishes none: it is assumed.
        audio_seconds_per_second: of a task on it; the median of the measured rounds.
        low: of the slowest measured round.
        high: of the fastest one.
        measured: False if the numbers follow from another kind or size.
    """

    kind: str
    share: float
    audio_seconds_per_second: float
    low: float
    high: float
    measured: bool = True

    def __post_init__(self) -> None:
        typed(self, "hosts")
        kinds = [kind for kinds in KINDS.values() for kind in kinds]
        if self.kind not in kinds:
            raise InvalidEnvironment("hosts.kind", self.kind, f"one of {', '.join(kinds)}")
        if not 0 < self.share <= 1:
            raise InvalidEnvironment("hosts.share", self.share, "a share above 0, 1 at most")
        above_zero("hosts.audio_seconds_per_second", self.audio_seconds_per_second)
        if not 0 < self.low <= self.audio_seconds_per_second:
            expected = f"a number above 0, {self.audio_seconds_per_second:g} at most"
            raise InvalidEnvironment("hosts.low", self.low, expected)
        if not self.audio_seconds_per_second <= self.high < math.inf:
            raise InvalidEnvironment("hosts.high", self.high, f"a number, {self.audio_seconds_per_second:g} or more")


@cache
def shares(architecture: str) -> Mapping[str, float]:
    """The assumed share of each kind of host among the tasks of an architecture."""
    found: Mapping[str, float] = tomllib.loads(FILE.read_text())[architecture]
    return found


def reached(hosts: Sequence[HostKind], *, share: float) -> float:
    """The audio seconds per second that this share of the tasks reach.

    >>> fast, slow = (
    ...     HostKind(kind=kind, share=0.5, audio_seconds_per_second=speed, low=speed, high=speed)
    ...     for kind, speed in (("AMX", 8.0), ("AVX2", 2.0))
    ... )
    >>> reached((slow, fast), share=0.5), reached((slow, fast), share=0.9)
    (8.0, 2.0)
    """
    fastest_first = sorted(hosts, key=lambda host: -host.audio_seconds_per_second)
    sums = accumulate(host.share for host in fastest_first)
    # Shares are decimal fractions, whose sums are not exact.
    enough = (host for host, reached_share in zip(fastest_first, sums, strict=True) if reached_share >= share - 1e-9)
    return next(enough, fastest_first[-1]).audio_seconds_per_second
