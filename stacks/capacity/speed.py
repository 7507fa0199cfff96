"""How fast a task transcribes."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Self

from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole

MEASURED = Path(__file__).with_name("speeds.toml")

# Whisper small in int8 per Fargate vCPU: faster-whisper's README has 13 min in 102 s on 8 threads of a Core i7-12700K,
# 0.96 per thread. An x86 vCPU is half a core (0.48) at about two thirds of that clock (0.31): rounded down. It stands for
# every model and processor without a measurement.
ASSUMED_SPEED_PER_VCPU = 0.25
# Kinds of processors, as `service.processor.kind` names them.
KINDS = ("AMX", "VNNI", "AVX-512", "AVX2", "Neoverse-N1", "Neoverse-V1", "Neoverse-V2")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKind:
    """A kind of processor that a task may get, and how fast the task is on it.

    Attributes:
        kind: by the instructions that make it fast or slow, as `service.processor.kind` names it.
        share: of the tasks that get it, from 0 to 1. Fargate publishes none: it is assumed.
        audio_seconds_per_second: of a task on it; the median of the measured rounds.
        low: of the slowest measured round.
        high: of the fastest one.
    """

    kind: str
    share: float
    audio_seconds_per_second: float
    low: float
    high: float

    def __post_init__(self) -> None:
        typed(self, "hosts")
        if self.kind not in KINDS:
            raise InvalidEnvironment("hosts.kind", self.kind, f"one of {', '.join(KINDS)}")
        if not 0 < self.share <= 1:
            raise InvalidEnvironment("hosts.share", self.share, "a share above 0, 1 at most")
        above_zero("hosts.audio_seconds_per_second", self.audio_seconds_per_second)
        if not 0 < self.low <= self.audio_seconds_per_second:
            expected = f"a number above 0, {self.audio_seconds_per_second:g} at most"
            raise InvalidEnvironment("hosts.low", self.low, expected)
        if not self.audio_seconds_per_second <= self.high < math.inf:
            raise InvalidEnvironment("hosts.high", self.high, f"a number, {self.audio_seconds_per_second:g} or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast one task of a given size transcribes, and the source of the number.

    Attributes:
        audio_seconds_per_second: seconds of recording transcribed per second of wall clock; 1 is real time. Half of the
            tasks are as fast, if their hosts are of several kinds.
        slowest: the same on the slowest kind of host that a task may get, which decides limits; None if it is the same.
        hosts: the kinds of hosts that a task may get; empty if they are not told apart.
        cpu: CPU units of the task it was measured on; 1024 is one vCPU.
        source: the benchmark run, or the grounds of the assumption.
        measured: False while the number is an assumption.
        processor: of that task.
        busy_share: part of a task's life spent transcribing; the rest starts up, waits and repeats interrupted calls.
    """

    audio_seconds_per_second: float
    slowest: float | None = None
    hosts: tuple[HostKind, ...] = ()
    cpu: int
    source: str
    measured: bool
    processor: str = "X86_64"
    busy_share: float = 0.75

    def __post_init__(self) -> None:
        typed(self, "speed")
        above_zero("speed.audio_seconds_per_second", self.audio_seconds_per_second)
        if self.slowest is not None and not 0 < self.slowest <= self.audio_seconds_per_second:
            expected = f"a number above 0, {self.audio_seconds_per_second:g} at most, or None"
            raise InvalidEnvironment("speed.slowest", self.slowest, expected)
        if self.hosts and not math.isclose(shares := sum(host.share for host in self.hosts), 1, abs_tol=1e-6):
            raise InvalidEnvironment("speed.hosts", f"{shares:g}", "shares that add up to 1")
        whole("speed.cpu", self.cpu, least=256)
        if not self.source.strip():
            raise InvalidEnvironment("speed.source", self.source, "where the number comes from")
        if not 0 < self.busy_share <= 1:
            raise InvalidEnvironment("speed.busy_share", self.busy_share, "a share above 0, 1 at most")

    @classmethod
    def of(cls, model: str, *, cpu: int, processor: str) -> Self:
        """The speed of a model: measured, if `speeds.toml` has it, or else assumed.

        A worker runs a batch on each vCPU, so that its speed grows with the task's size.
        """
        entry = _measured().get(model, {}).get(processor)
        if not entry:
            return cls.assumed(cpu=cpu, processor=processor)
        vcpus = cpu / 1024
        hosts = tuple(
            HostKind(
                kind=host["kind"],
                share=host["share"],
                audio_seconds_per_second=vcpus * host["median"],
                low=vcpus * host["low"],
                high=vcpus * host["high"],
            )
            for host in entry["audio_seconds_per_vcpu_second"]
        )
        return cls(
            audio_seconds_per_second=reached(hosts, share=0.5),
            slowest=min(host.audio_seconds_per_second for host in hosts),
            hosts=hosts,
            cpu=cpu,
            source=f"`{entry['command']}` of {entry['date']}, {entry['machine']}; the shares of kinds of hosts are assumed",
            measured=True,
            processor=processor,
        )

    @classmethod
    def assumed(cls, *, cpu: int, processor: str = "X86_64") -> Self:
        """A cautious assumption, until the model is measured on the processor."""
        return cls(
            audio_seconds_per_second=ASSUMED_SPEED_PER_VCPU * cpu / 1024,
            cpu=cpu,
            source="faster-whisper's published small int8, scaled down to a vCPU",
            measured=False,
            processor=processor,
        )

    @property
    def limiting(self) -> Self:
        """The speed on the slowest hosts."""
        slowest = self.slowest or self.audio_seconds_per_second
        return replace(self, audio_seconds_per_second=slowest, slowest=None, hosts=())

    def reached_by(self, share: float) -> float:
        """The audio seconds per second that this share of the tasks reach; 0.9 gives the p90 of a plan."""
        return reached(self.hosts, share=share) if self.hosts else self.audio_seconds_per_second

    def task_time(self, audio_time: float) -> float:
        """How much of a task's life a recording takes, in the unit in which its length is given."""
        return audio_time / (self.audio_seconds_per_second * self.busy_share)


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
    shares = accumulate(host.share for host in fastest_first)
    # Shares are decimal fractions, whose sums are not exact.
    enough = (host for host, reached_share in zip(fastest_first, shares, strict=True) if reached_share >= share - 1e-9)
    return next(enough, fastest_first[-1]).audio_seconds_per_second


@cache
def _measured() -> Mapping[str, Any]:
    return tomllib.loads(MEASURED.read_text())
