"""Finds the fastest settings on the machine that it runs on: one setting after the other, each with the best so far.

Candidates take turns, so that another load on the machine meets them alike, and are compared by their medians.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import cycle, islice
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service import processor
from service.engine import loading
from service.engine.decoding import Decoder
from service.engine.detector import Detector
from service.engine.encoders import known_sound
from service.engine.sound import listen
from service.engine.windows import pack
from service.engine.workers import Hearing, Workers
from service.recording import SAMPLE_RATE, Recording
from service.settings import SettingError, Settings, variable

# The settings in their order, each with its share of the time: a round of large batches is long.
STAGES = {"encoder": 1, "threads": 1, "workers": 1, "batch_size": 3}
BATCH_SIZES = (8, 4, 16)
# Small batches are enough to compare anything else.
SMALL_BATCH = 4
# A usual value stays if another gains less than this share, or in fewer rounds: that is chance.
LEAST_GAIN, LEAST_ROUNDS = 0.03, 3
# The synthesized sound: the length of a window, and the seconds of speech whose text it may have, which a model that
# loops on it fills with as many words as a person says in a window.
WINDOW_SECONDS, TEXT_SECONDS = 28.0, 4.0

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A window's samples, and the seconds of speech whose text it may have."""

    audio: Audio
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A setting's value as it was measured: seconds of sound per second, or why it cannot run."""

    setting: str
    value: str
    speed: float = 0.0
    rounds: int = 0
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """The trials on a machine, and the variables of the fastest settings."""

    processor: str
    cpus: int
    trials: tuple[Trial, ...]
    variables: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        width = max(len(f"{trial.setting}={trial.value}") for trial in self.trials)
        rows = [
            f"{f'{trial.setting}={trial.value}':{width}}  "
            + (trial.refusal or f"{trial.speed:6.1f} call seconds per second, median of {trial.rounds}")
            for trial in self.trials
        ]
        best = [f"{name}={value}" for name, value in self.variables.items()]
        return "\n".join([f"{self.processor}, {self.cpus} CPUs", *rows, "", "The fastest:", *best])


@dataclass(slots=True, kw_only=True)
class _Candidate:
    settings: Settings
    value: str
    decoder: Decoder
    workers: Workers
    seconds: list[float] = field(default_factory=list)

    @property
    def typical(self) -> float:
        """The median of its rounds, in seconds."""
        return median(self.seconds)

    def trial(self, setting: str, duration: float) -> Trial:
        """Its result with a sound of this duration."""
        return Trial(
            setting=setting, value=self.value, speed=round(duration / self.typical, 1), rounds=len(self.seconds)
        )


def tune(
    settings: Settings, *, sounds: Sequence[Sound], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> Tuning:
    """Measure for about so many seconds: each value of a setting at least once, if its turn comes in time."""
    best = replace(settings, threads=processor.threads(settings), batch_size=SMALL_BATCH)
    end, left = clock() + seconds, sum(STAGES.values())
    trials: list[Trial] = []
    for name, share in STAGES.items():
        began, values = clock(), _values(name, best)
        until = began + (end - began) * share / left
        left -= share
        if name == "batch_size":
            best = replace(best, batch_size=settings.batch_size)
        if values and began >= end:
            trials.append(Trial(setting=variable(name), value=str(getattr(best, name)), refusal="not measured in time"))
        elif candidates := list(_load(best, name, values, trials)):
            largest = max(processor.workers(c.settings) * c.settings.batch_size for c in candidates)
            windows = list(islice(cycle(sounds), largest))
            _take_turns(candidates, windows, until=until, clock=clock)
            duration = sum(len(sound.audio) for sound in windows) / SAMPLE_RATE
            trials += [candidate.trial(variable(name), duration) for candidate in candidates]
            best = _fastest(candidates)
    chosen = {name: str(getattr(best, name)) for name in STAGES} | {"workers": str(processor.workers(best))}
    return Tuning(
        processor=processor.name(),
        cpus=processor.available_cpus(),
        trials=tuple(trials),
        variables={variable(name): value for name, value in chosen.items()},
    )


def _fastest(candidates: Sequence[_Candidate]) -> Settings:
    usual, fastest = candidates[0], min(candidates, key=lambda candidate: candidate.typical)
    certain = min(len(fastest.seconds), len(usual.seconds)) >= LEAST_ROUNDS
    return (fastest if certain and fastest.typical < usual.typical * (1 - LEAST_GAIN) else usual).settings


def _values(name: str, best: Settings) -> Sequence[Any]:
    """The values to try of a setting, the usual one first; none if there is no choice."""
    match name:
        case "encoder":
            return () if best.exact else ("openvino", "ctranslate2")
        case "threads":
            # Half of them, because two hyper-threads of a core may be slower than one.
            return (best.threads, best.threads // 2) if best.threads > 1 else ()
        case "workers":
            return [count for count in range(best.threads, 0, -1) if best.threads % count == 0]
        case _:
            return BATCH_SIZES


def synthesized() -> list[Sound]:
    """A sound that is the same on every machine. A decoder is measured better on real calls."""
    return [Sound(audio=known_sound(seconds=WINDOW_SECONDS), seconds=TEXT_SECONDS)]


def windows_of(recordings: Sequence[Recording], settings: Settings) -> list[Sound]:
    """The windows of real calls."""
    detector, found = Detector(), list[Sound]()
    for recording in recordings:
        for channel in recording.distinct_channels():
            samples = recording.samples[channel]
            speech = listen(samples, detector).speech
            packed = pack(speech, channel=channel, length=len(samples), longest_seconds=settings.window_seconds)
            found += [Sound(audio=window.audio(samples), seconds=window.duration) for window in packed]
    return found


def _load(best: Settings, name: str, values: Sequence[Any], trials: list[Trial]) -> Iterator[_Candidate]:
    """A candidate for each value that can run; the others are trials already."""
    for value in values:
        refusal = ""
        try:
            settings = replace(best, **{name: value})
            decoder = loading.load(settings)
            if name == "encoder" and value not in decoder.encoder:
                refusal = f"unavailable: {decoder.encoder} would run"
        except SettingError as error:
            refusal = f"refused: {error.expected}"
        if refusal:
            trials.append(Trial(setting=variable(name), value=str(value), refusal=refusal))
            continue
        workers = Workers(decoder, count=processor.workers(settings), batch_size=settings.batch_size)
        yield _Candidate(settings=settings, value=str(value), decoder=decoder, workers=workers)


def _take_turns(
    candidates: Sequence[_Candidate], sounds: Sequence[Sound], *, until: float, clock: Callable[[], float]
) -> None:
    for candidate in candidates:
        _hear(candidate, sounds[:1])
    for number, candidate in enumerate(cycle(candidates)):
        # A round more that would be late is not begun.
        if number >= len(candidates) and clock() + candidate.typical > until:
            return
        began = clock()
        _hear(candidate, sounds)
        candidate.seconds.append(clock() - began)


def _hear(candidate: _Candidate, sounds: Sequence[Sound]) -> None:
    encodings = candidate.workers.encode([sound.audio for sound in sounds])
    candidate.workers.hear(
        [
            Hearing(encoding=encoding, language=candidate.settings.language or "en", seconds=sound.seconds)
            for encoding, sound in zip(encodings, sounds, strict=True)
        ]
    )
