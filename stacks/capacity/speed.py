"""How fast a task transcribes."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole

MEASURED = Path(__file__).with_name("speeds.toml")

# Whisper small in int8 per Fargate vCPU: faster-whisper's README has 13 min in 102 s on 8 threads of a Core i7-12700K,
# 0.96 per thread. An x86 vCPU is half a core (0.48) at about two thirds of that clock (0.31): rounded down. It stands for
# every model and processor without a measurement.
ASSUMED_SPEED_PER_VCPU = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast one task of a given size transcribes, and the source of the number.

    Attributes:
        audio_seconds_per_second: seconds of recording transcribed per second of wall clock; 1 is real time.
        slowest: the same on the slowest kind of host that a task may get, which decides limits; None if it is the same.
        cpu: CPU units of the task it was measured on; 1024 is one vCPU.
        source: the benchmark run, or the grounds of the assumption.
        measured: False while the number is an assumption.
        processor: of that task.
        busy_share: part of a task's life spent transcribing; the rest starts up, waits and repeats interrupted calls.
    """

    audio_seconds_per_second: float
    slowest: float | None = None
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
        vcpus, kinds = cpu / 1024, entry["audio_seconds_per_vcpu_second"]
        return cls(
            audio_seconds_per_second=vcpus * kinds[entry["usual"]],
            slowest=vcpus * min(kinds.values()),
            cpu=cpu,
            source=f"`{entry['command']}` of {entry['date']}, {entry['machine']}; {entry['usual']} hosts are the usual ones",
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
        return replace(self, audio_seconds_per_second=self.slowest or self.audio_seconds_per_second, slowest=None)

    def task_time(self, audio_time: float) -> float:
        """How much of a task's life a recording takes, in the unit in which its length is given."""
        return audio_time / (self.audio_seconds_per_second * self.busy_share)


@cache
def _measured() -> Mapping[str, Any]:
    return tomllib.loads(MEASURED.read_text())
