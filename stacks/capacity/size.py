"""The size of a task: the cheapest one for an hour of recording, by measured speed, in which the engine's memory fits."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from service import footprint
from service.footprint import KNOWN, MB
from service.settings import Settings
from service.task_profile import VCPU
from stacks.capacity.checks import InvalidEnvironment
from stacks.capacity.disk import most_lanes
from stacks.capacity.prices import Prices, Task
from stacks.capacity.profiles import measured
from stacks.capacity.speed import Speed

# Memory that Fargate offers for each CPU size, in MiB.
FARGATE_MEMORY_MIB: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16_384 + 1, 1024),
    4096: range(8192, 30_720 + 1, 1024),
    8192: range(16_384, 61_440 + 1, 4096),
    16_384: range(32_768, 122_880 + 1, 8192),
}
# Over the highest memory that was measured: other calls may take more.
MEMORY_MARGIN = 1.25
# Of measured sizes whose costs differ by less, the largest is taken: it answers a call over the API sooner.
EVEN_SHARE = 0.05
# The largest settings of lanes that profiles are looked for.
MOST_LANES = 16
# A model of one's own is only known to the task that loads it: it counts as large as this one.
UNKNOWN_COUNTS_AS = "small"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A size that a task could have.

    Attributes:
        cpu: CPU units; 1024 is one vCPU.
        memory_mib: the least that Fargate offers in which the engine fits.
        lanes: recordings that a worker works on at once.
        dollars_per_audio_hour: on Spot.
        speed: of the task.
        needed: the memory that decided, in words.
    """

    cpu: int
    memory_mib: int
    lanes: int
    dollars_per_audio_hour: float
    speed: Speed
    needed: str

    @property
    def measured(self) -> bool:
        """Whether the size was measured on some kind of host."""
        return self.speed.measured or any(host.measured for host in self.speed.hosts)

    def __str__(self) -> str:
        kind = "measured" if self.speed.measured else "partly measured" if self.measured else "assumed"
        return (
            f"{self.cpu / VCPU:g} vCPU and {self.memory_mib} MiB: {self.lanes} lanes, {kind}"
            f" {self.speed.audio_seconds_per_second:g} times real time, ${self.dollars_per_audio_hour:.4f} an audio hour;"
            f" needs {self.needed}"
        )


def choose(settings: Settings, *, task: Task, prices: Prices, speed: Speed | None = None) -> Choice:
    """The cheapest measured size for an hour of recording; if none that fits was measured, the smallest that fits.

    Args:
        settings: of the service.
        task: its processor and its public address; its size is not read.
        prices: of the region.
        speed: of a size that is given; only that size is considered.

    Raises:
        InvalidEnvironment: no size has the memory, or is fast enough for the longest recording.
    """
    found = choices(settings, task=task, prices=prices, speed=speed)
    if not found:
        _, needed = _memory(settings, cpu=VCPU, processor=task.processor)
        expected = (
            f"a model and settings that a task can hold, and the longest call in the job deadline (1 vCPU: {needed})"
        )
        raise InvalidEnvironment("size", None, expected)
    if not found[0].measured:
        # Without a measurement no size is known to be better than the smallest.
        return min(found, key=lambda choice: (choice.cpu, choice.dollars_per_audio_hour))
    most = (1 + EVEN_SHARE) * found[0].dollars_per_audio_hour
    even = [choice for choice in found if choice.measured and choice.dollars_per_audio_hour <= most]
    return max(even, key=lambda choice: (choice.cpu, -choice.dollars_per_audio_hour))


def choices(settings: Settings, *, task: Task, prices: Prices, speed: Speed | None = None) -> list[Choice]:
    """Every size that fits, measured ones first, cheap ones first; the arguments are those of `choose`."""
    found = (
        choice
        for cpu in FARGATE_MEMORY_MIB
        if cpu >= VCPU and (speed is None or speed.cpu == cpu)
        for lanes in _lanes(settings, cpu=cpu, processor=task.processor)
        if (choice := _choice(replace(settings, lanes=lanes), cpu=cpu, task=task, prices=prices, speed=speed))
    )
    return sorted(found, key=lambda choice: (not choice.measured, choice.dollars_per_audio_hour, choice.cpu))


def check_memory(settings: Settings, *, cpu: int, memory_mib: int, processor: str) -> None:
    """Refuse a size that the start of the engine would refuse on some host; a model of one's own is left to it.

    Raises:
        InvalidEnvironment: with the memory that is needed, by purpose.
    """
    if settings.model not in KNOWN:
        return
    _, needed = _memory(settings, cpu=cpu, processor=processor)
    if needed.total > memory_mib * MB:
        expected = f"{math.ceil(needed.total / MB)} or more, or a smaller batch_size: {settings.model} needs {needed}"
        raise InvalidEnvironment("size.memory_mib", memory_mib, expected)


def _choice(settings: Settings, *, cpu: int, task: Task, prices: Prices, speed: Speed | None) -> Choice | None:
    """The size with its least memory; None if Fargate offers too little, or a call takes longer than its deadline."""
    least, needed = _memory(settings, cpu=cpu, processor=task.processor)
    memory_mib = next((offered for offered in FARGATE_MEMORY_MIB[cpu] if offered >= least), None)
    speed = speed or Speed.of(settings.model, cpu=cpu, processor=task.processor, settings=settings)
    longest_seconds = settings.max_audio_seconds / speed.limiting.audio_seconds_per_second
    if memory_mib is None or longest_seconds > settings.job_deadline_seconds:
        return None
    sized = replace(task, cpu=cpu, memory_mib=memory_mib)
    return Choice(
        cpu=cpu,
        memory_mib=memory_mib,
        lanes=settings.lanes,
        dollars_per_audio_hour=sized.per_audio_hour(prices, speed=speed, on_demand_share=0),
        speed=speed,
        needed=str(needed) + ("" if settings.model in KNOWN else f", if it is as large as {UNKNOWN_COUNTS_AS}"),
    )


def _memory(settings: Settings, *, cpu: int, processor: str) -> tuple[float, footprint.Need]:
    """The least memory in MiB, and what the engine needs by its formula, which its start checks."""
    dimensions = KNOWN.get(settings.model, KNOWN[UNKNOWN_COUNTS_AS])
    needed = footprint.most_needed(dimensions, settings, cpu=cpu, exact_int8=processor == "ARM64")
    peaks = [profile.peak_memory_mib for profile in measured(settings, architecture=processor) if profile.cpu == cpu]
    return max(needed.total / MB, MEMORY_MARGIN * max(peaks, default=0)), needed


def _lanes(settings: Settings, *, cpu: int, processor: str) -> Iterator[int]:
    """Numbers of lanes that were measured for a size, if the settings leave them open; otherwise, those of the settings."""
    if settings.lanes != Settings().lanes:
        yield settings.lanes
        return
    most = min(MOST_LANES, most_lanes(settings))
    known = [
        lanes
        for lanes in range(1, most + 1)
        if any(own.cpu == cpu for own in measured(replace(settings, lanes=lanes), architecture=processor))
    ]
    yield from known or [settings.lanes]
