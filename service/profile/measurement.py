"""Rounds of transcribing the same calls, as a worker does: several at once, each decoded, transcribed and written."""

import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from statistics import median
from typing import Protocol

from service import __version__, processor
from service.profile.memory import MemoryWatch
from service.recording import Decode, Recording
from service.settings import SettingError, Settings, WrongValue
from service.task_profile import VCPU, TaskProfile, check_cpu, conditions
from service.telemetry import log
from service.transcript import Transcript, render

MIB = 1 << 20
# Fargate's names of architectures, by the machine's.
ARCHITECTURES = {"x86_64": "X86_64", "AMD64": "X86_64", "aarch64": "ARM64", "arm64": "ARM64"}


class Transcriber(Protocol):
    """What a measurement needs of an engine."""

    @property
    def encoder(self) -> str:
        """The runtime, version and arithmetic of the model's encoder."""

    def transcribe(self, recording: Recording) -> Transcript:
        """Transcribe every channel of a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One pass over all calls: seconds of recording, seconds that it took, and the most memory at once."""

    audio_seconds: float
    seconds: float
    peak_bytes: int

    @property
    def speed(self) -> float:
        """Seconds of recording per second."""
        return self.audio_seconds / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a profile says of its measurement beside the numbers.

    Attributes:
        model: its name.
        model_sha256: digest of its files.
        cpu: CPU units of the task; 0 for those that the process sees.
        command: that measured it.
        recordings: that it heard.
        speech_share: of them.
        start_seconds: until the model was loaded.
        loading_bytes: the most memory that loading it took.
        machine: what else is to be known of it.
    """

    model: str
    model_sha256: str
    cpu: int
    command: str
    recordings: str
    speech_share: float
    start_seconds: float
    loading_bytes: int
    machine: str


def measure(
    calls: Sequence[Path],
    *,
    engine: Transcriber,
    decode: Decode,
    lanes: Sequence[int],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[int, list[Round]]:
    """The rounds of each number of lanes, which take turns, so that another load on the machine meets them alike."""
    # The first call of a process is slower: it is not measured.
    _transcribe(calls[0], engine=engine, decode=decode)
    found: dict[int, list[Round]] = {count: [] for count in lanes}
    for number in range(rounds):
        for count, own in found.items():
            own.append(_round(calls, engine=engine, decode=decode, lanes=count, clock=clock))
            log("profiled", round=number + 1, lanes=count, speed=round(own[-1].speed, 2))
    return found


def to_profile(rounds: Sequence[Round], *, engine: Transcriber, settings: Settings, told: Told) -> TaskProfile:
    """The profile of measured rounds on this machine.

    Raises:
        SettingError: no task of Fargate runs on this kind of processor.
        WrongValue: the task is none of Fargate's.
    """
    architecture, kind = _host()
    speeds = [own.speed for own in rounds]
    return TaskProfile(
        model=told.model,
        model_sha256=told.model_sha256,
        architecture=architecture,
        kind=kind,
        processor=processor.name(),
        cpu=told.cpu or seen_cpu(),
        audio_seconds_per_second=round(median(speeds), 2),
        low=round(min(speeds), 2),
        high=round(max(speeds), 2),
        rounds=len(rounds),
        audio_seconds=round(rounds[0].audio_seconds, 1),
        peak_memory_mib=ceil(max(told.loading_bytes, *(own.peak_bytes for own in rounds)) / MIB),
        encoder=engine.encoder,
        measured=datetime.now(UTC).date(),
        version=__version__,
        command=told.command,
        recordings=told.recordings,
        speech_share=told.speech_share,
        start_seconds=round(told.start_seconds, 1),
        machine=told.machine,
        settings=conditions(settings),
    )


def to_profiles(
    found: dict[int, list[Round]], *, engine: Transcriber, settings: Settings, told: Told
) -> list[TaskProfile]:
    """A profile for each number of lanes."""
    return [
        to_profile(rounds, engine=engine, settings=replace(settings, lanes=lanes), told=told)
        for lanes, rounds in found.items()
    ]


def check_machine(cpu: int) -> None:
    """Refuse a machine or a size that no task has, before minutes are spent on its measurement.

    Args:
        cpu: CPU units of the task; 0 for those that the process sees.

    Raises:
        SettingError: no task of Fargate runs on this kind of processor, or has this size.
    """
    _host()
    try:
        check_cpu(cpu or seen_cpu())
    except WrongValue as error:
        raise SettingError("--cpu", error.value, error.expected) from None


def seen_cpu() -> int:
    """CPU units that this process sees: its quota, or its CPUs."""
    quota = processor.cpu_quota(processor.CGROUP)
    cpus = processor.available_cpus()
    return round(VCPU * (cpus if quota is None else min(quota, cpus)))


def _host() -> tuple[str, str]:
    """Architecture and kind of this machine's processor."""
    architecture, kind = ARCHITECTURES.get(platform.machine(), platform.machine()), processor.kind()
    if architecture not in ARCHITECTURES.values() or kind == platform.machine():
        raise SettingError("processor", processor.name(), "one of those of Fargate: x86 with AVX2, or Graviton")
    return architecture, kind


def _round(
    calls: Sequence[Path], *, engine: Transcriber, decode: Decode, lanes: int, clock: Callable[[], float]
) -> Round:
    began = clock()
    with MemoryWatch() as memory, ThreadPoolExecutor(lanes) as pool:
        durations = list(pool.map(lambda call: _transcribe(call, engine=engine, decode=decode), calls))
    return Round(audio_seconds=sum(durations), seconds=clock() - began, peak_bytes=memory.peak_bytes)


def _transcribe(call: Path, *, engine: Transcriber, decode: Decode) -> float:
    """Seconds of a call that is transcribed and written as a worker does, but for its upload."""
    with call.open("rb") as file:
        recording = decode(file, name=call.name)
    render(engine.transcribe(recording), "json")
    return recording.duration
