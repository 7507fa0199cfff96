"""How fast a task transcribes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Self

from service.settings import Settings
from service.task_profile import VCPU, TaskProfile
from stacks.capacity.checks import InvalidEnvironment, above_zero, typed, whole
from stacks.capacity.hosts import HostKind, reached
from stacks.capacity.profiles import hosts, measured

# Whisper small in int8 per Fargate vCPU: faster-whisper's README has 13 min in 102 s on 8 threads of a Core i7-12700K,
# 0.96 per thread. An x86 vCPU is half a core (0.48) at about two thirds of that clock (0.31): rounded down. It stands for
# every model and processor without a measurement.
ASSUMED_SPEED_PER_VCPU = 0.25
# Seconds of speech, on whatever channel, in a second of the sample calls: a test counts them. It stands for recordings
# whose share was not measured.
SAMPLE_SPEECH_SHARE = 0.81


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
        speech_share: seconds of speech, on whatever channel, in a second of the recordings that it was measured on.
    """

    audio_seconds_per_second: float
    slowest: float | None = None
    hosts: tuple[HostKind, ...] = ()
    cpu: int
    source: str
    measured: bool
    processor: str = "X86_64"
    busy_share: float = 0.75
    speech_share: float = SAMPLE_SPEECH_SHARE

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
        above_zero("speed.speech_share", self.speech_share)

    @classmethod
    def of(cls, model: str, *, cpu: int, processor: str, settings: Settings | None = None) -> Self:
        """The speed of a model: measured, if there is a profile of it with these settings, or else assumed.

        A size that was not measured has the speed per vCPU of the nearest one that was, and counts as assumed.
        """
        found = measured(replace(settings or Settings(), model=model), architecture=processor)
        if not found:
            return cls.assumed(cpu=cpu, processor=processor)
        kinds = hosts(found, cpu=cpu, architecture=processor)
        shares = [profile.speech_share for profile in found if profile.speech_share]
        return cls(
            audio_seconds_per_second=reached(kinds, share=0.5),
            slowest=min(host.audio_seconds_per_second for host in kinds),
            hosts=kinds,
            cpu=cpu,
            source=_source(found, kinds, cpu=cpu),
            measured=all(host.measured for host in kinds),
            processor=processor,
            speech_share=fmean(shares) if shares else SAMPLE_SPEECH_SHARE,
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


def _source(found: Sequence[TaskProfile], kinds: Sequence[HostKind], *, cpu: int) -> str:
    """The measurements that a speed follows from, and what is assumed of it."""
    runs: dict[str, list[str]] = {}
    for profile in found:
        runs.setdefault(f"`{profile.command}` of {profile.measured}", []).append(profile.kind)
    told = "; ".join(f"{run} on {', '.join(dict.fromkeys(own))}" for run, own in runs.items())
    assumed = [host.kind for host in kinds if not host.measured]
    other = f"; that of {cpu / VCPU:g} vCPU is assumed on {', '.join(assumed)}" if assumed else ""
    return f"{told}; the shares of kinds of hosts are assumed{other}"
