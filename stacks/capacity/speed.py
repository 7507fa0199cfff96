"""How fast a task transcribes."""

from dataclasses import dataclass
from typing import Self

from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole

# Whisper small in int8 per Fargate vCPU: faster-whisper's README has 13 min in 102 s on 8 threads of a Core i7-12700K,
# 0.96 per thread. An x86 vCPU is half a core (0.48) at about two thirds of that clock (0.31): rounded down. Whisper base,
# the default model, is several times as fast, so that this is a lower bound until it is measured on Fargate.
ASSUMED_SPEED_PER_VCPU = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast one task of a given size transcribes, and the source of the number.

    Attributes:
        audio_seconds_per_second: seconds of recording transcribed per second of wall clock; 1 is real time.
        cpu: CPU units of the task it was measured on; 1024 is one vCPU.
        source: the benchmark run, or the grounds of the assumption.
        measured: False while the number is an assumption.
        processor: of that task.
        busy_share: part of a task's life spent transcribing; the rest starts up, waits and repeats interrupted calls.
    """

    audio_seconds_per_second: float
    cpu: int
    source: str
    measured: bool
    processor: str = "X86_64"
    busy_share: float = 0.75

    def __post_init__(self) -> None:
        typed(self, "speed")
        above_zero("speed.audio_seconds_per_second", self.audio_seconds_per_second)
        whole("speed.cpu", self.cpu, least=256)
        if not self.source.strip():
            raise InvalidEnvironment("speed.source", self.source, "where the number comes from")
        if not 0 < self.busy_share <= 1:
            raise InvalidEnvironment("speed.busy_share", self.busy_share, "a share above 0, 1 at most")

    @classmethod
    def assumed(cls, *, cpu: int) -> Self:
        """A cautious assumption, until the benchmark has run on a task of this size."""
        return cls(
            audio_seconds_per_second=ASSUMED_SPEED_PER_VCPU * cpu / 1024,
            cpu=cpu,
            source="faster-whisper's published small int8, scaled down to a vCPU",
            measured=False,
        )

    def task_time(self, audio_time: float) -> float:
        """How much of a task's life a recording takes, in the unit in which its length is given."""
        return audio_time / (self.audio_seconds_per_second * self.busy_share)
