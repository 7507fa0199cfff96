"""The profile of a task: how fast it transcribes and how much memory it takes, as `python -m service profile` measured it.

The service writes profiles, and the stacks plan with those that are committed: standard library only.
"""

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any, Self

from service.settings import Settings, WrongValue

# The kinds of processors, as `service.processor.kind` names them, by Fargate's name of their architecture.
KINDS = {
    "X86_64": ("AMX", "VNNI", "AVX-512", "AVX2"),
    "ARM64": ("Neoverse-N1", "Neoverse-V1", "Neoverse-V2"),
}
# The settings on which speed and memory depend, besides the model.
CONDITIONS = (
    *("compute_type", "encoder", "exact", "threads", "workers", "lanes"),
    *("beam_size", "batch_size", "window_seconds"),
)
# The first line of a profile, by which it is found in a log.
HEADER = "# A profile of whisper-fargate: the speed and memory of a task on one kind of processor."
# CPU units of the smallest task, and of a vCPU.
LEAST_CPU, VCPU = 256, 1024
# More than any task has, or takes: the number is in another unit.
MOST_MEMORY_MIB, MOST_START_SECONDS, MOST_SPEED = 1_000_000, 3600, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProfile:
    """A measurement of one task size on one kind of processor.

    Attributes:
        model: as the settings name it.
        model_sha256: digest of its files.
        architecture: of the processor, as Fargate names it.
        kind: of the processor.
        processor: its name.
        cpu: CPU units of the task; 1024 is one vCPU.
        audio_seconds_per_second: seconds of recording transcribed per second of wall clock; the median of the rounds.
        low: of the slowest round.
        high: of the fastest one.
        rounds: how many were measured.
        audio_seconds: of recording in a round.
        peak_memory_mib: the most that the process and its children held at once.
        start_seconds: from the start of the process to a loaded model; 0 if it was not measured.
        encoder: runtime and arithmetic of the model's encoder.
        measured: the date.
        version: of the service.
        command: that measured it.
        recordings: that it heard.
        speech_share: seconds of speech, on whatever channel, in a second of them; 0 if it was not measured.
        machine: what else is to be known of it; empty for nothing.
        settings: those of `CONDITIONS`.
    """

    model: str
    model_sha256: str
    architecture: str
    kind: str
    processor: str
    cpu: int
    audio_seconds_per_second: float
    low: float
    high: float
    rounds: int
    audio_seconds: float
    peak_memory_mib: int
    encoder: str
    measured: date
    version: str
    command: str
    recordings: str
    speech_share: float = 0.0
    start_seconds: float = 0.0
    machine: str = ""
    settings: Mapping[str, str | int | float | bool]

    def __post_init__(self) -> None:
        for field in fields(self):
            value, kind = getattr(self, field.name), field.type
            if not _is(value, kind):
                raise WrongValue(field.name, value, TYPES[str(kind)])
        self._check_texts()
        self._check_numbers()
        if set(self.settings) != set(CONDITIONS):
            raise WrongValue("settings", ", ".join(sorted(self.settings)), f"these: {', '.join(sorted(CONDITIONS))}")
        Settings(**self.settings)  # type: ignore[arg-type]  # it refuses a wrong value itself

    @classmethod
    def read(cls, text: str) -> Self:
        """The profile that `to_toml` wrote.

        Raises:
            WrongValue: it is not TOML, has another field, or a field has a wrong value.
        """
        try:
            plain = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise WrongValue("profile", error, "TOML, as `python -m service profile` writes it") from None
        known = {field.name: field for field in fields(cls)}
        for name in plain.keys() - known.keys():
            raise WrongValue(name, plain[name], f"one of the fields {', '.join(known)}")
        for name, field in known.items():
            if field.default is MISSING and name not in plain:
                raise WrongValue(name, "nothing", TYPES[str(field.type)])
        return cls(**plain)

    def to_toml(self) -> str:
        """The profile as a file: the same values always give the same text."""
        values = {name: value for name, value in asdict(self).items() if name != "settings"}
        lines = [f"{name} = {_toml(value)}" for name, value in values.items()]
        settings = [f"{name} = {_toml(self.settings[name])}" for name in CONDITIONS]
        return "\n".join((HEADER, *lines, "", "[settings]", *settings, ""))

    @property
    def file_name(self) -> str:
        """Of the file that holds it; a later measurement of the same replaces it."""
        name = f"{Path(self.model).name}-{self.kind}-{self.cpu}"
        usual = conditions(Settings())
        other = [f"{key}-{value}" for key, value in self.settings.items() if value != usual[key]]
        return "-".join((name, *other)).lower() + ".toml"

    @property
    def speed_of_vcpu(self) -> float:
        """Seconds of recording per second of wall clock and vCPU."""
        return self.audio_seconds_per_second * VCPU / self.cpu

    def fits(self, settings: Settings, *, architecture: str) -> bool:
        """Whether it is of a task with this model and these settings, on this architecture, of whatever size."""
        return not any(self._differences(settings, architecture=architecture))

    def check(self, settings: Settings, *, architecture: str, cpu: int) -> None:
        """Refuse to take it for the profile of another task.

        Raises:
            WrongValue: names the first difference.
        """
        for name, own, expected in self._differences(settings, architecture=architecture):
            raise WrongValue(name, own, f"{expected}, which the task has")
        if self.cpu != cpu:
            raise WrongValue("cpu", self.cpu, f"{cpu}, which the task has")

    def _differences(self, settings: Settings, *, architecture: str) -> Iterator[tuple[str, object, object]]:
        """The fields in which it is of another task: name, its value, and the task's."""
        digest = settings.model_sha256 or self.model_sha256
        for name, expected in (("model", settings.model), ("model_sha256", digest), ("architecture", architecture)):
            if (own := getattr(self, name)) != expected:
                yield name, own, expected
        for name, wanted in conditions(settings).items():
            if (measured := self.settings[name]) != wanted:
                yield f"settings.{name}", measured, wanted

    @classmethod
    def merged(cls, profiles: Sequence[Self]) -> Self:
        """Several measurements of the same, as one: their medians, and the spread over all of them."""
        speeds = [profile.audio_seconds_per_second for profile in profiles]
        return replace(
            max(profiles, key=lambda profile: profile.measured),
            audio_seconds_per_second=round(median(speeds), 2),
            low=min(profile.low for profile in profiles),
            high=max(profile.high for profile in profiles),
            rounds=sum(profile.rounds for profile in profiles),
            peak_memory_mib=max(profile.peak_memory_mib for profile in profiles),
            start_seconds=round(median(profile.start_seconds for profile in profiles), 1),
        )

    def _check_texts(self) -> None:
        for name, rule, expected in (
            ("model", r".+", "the name of a model"),
            ("model_sha256", r"[0-9a-f]{64}", "64 lower-case hex digits"),
            ("encoder", r".+", "the encoder's runtime"),
            ("version", r"\d+\.\d+\.\d+.*", "a version of the service"),
            ("command", r".+", "the command that measured it"),
            ("recordings", r".+", "what it heard"),
        ):
            if not re.fullmatch(rule, value := getattr(self, name)):
                raise WrongValue(name, value, expected)
        if self.architecture not in KINDS:
            raise WrongValue("architecture", self.architecture, f"one of {', '.join(KINDS)}")
        if self.kind not in (kinds := KINDS[self.architecture]):
            raise WrongValue("kind", self.kind, f"a kind of {self.architecture}: one of {', '.join(kinds)}")

    def _check_numbers(self) -> None:
        check_cpu(self.cpu)
        for name, most, unit in (
            ("audio_seconds_per_second", MOST_SPEED, "seconds of recording per second"),
            ("low", self.audio_seconds_per_second, "the slowest round, no faster than the median"),
            ("audio_seconds", math.inf, "seconds"),
            ("peak_memory_mib", MOST_MEMORY_MIB, "MiB"),
            ("rounds", math.inf, "a number of rounds"),
        ):
            value = getattr(self, name)
            if not 0 < value <= most or value == math.inf:
                limit = "" if most == math.inf else f", {most:g} at most"
                raise WrongValue(name, value, f"above 0{limit}: {unit}")
        for name, most in (("start_seconds", MOST_START_SECONDS), ("speech_share", 1)):
            if not 0 <= (value := getattr(self, name)) <= most:
                raise WrongValue(name, value, f"from 0 to {most}, and 0 if it was not measured")
        if not self.audio_seconds_per_second <= self.high <= MOST_SPEED:
            expected = f"{self.audio_seconds_per_second:g} or more: the fastest round, no slower than the median"
            raise WrongValue("high", self.high, expected)


TYPES = {
    "<class 'str'>": "a text",
    "<class 'int'>": "a whole number",
    "<class 'float'>": "a number",
    "<class 'datetime.date'>": "a date such as 2026-11-26, without quotes",
}


def check_cpu(cpu: int) -> None:
    """Refuse what is no number of CPU units, such as a number of vCPU."""
    if cpu < LEAST_CPU or cpu % LEAST_CPU:
        raise WrongValue("cpu", cpu, f"CPU units, {LEAST_CPU} or a multiple; {VCPU} is one vCPU")


def conditions(settings: Settings) -> dict[str, str | int | float | bool]:
    """The settings on which speed and memory depend."""
    return {name: getattr(settings, name) for name in CONDITIONS}


def _is(value: object, kind: Any) -> bool:
    """Whether a value is of a field's type; True is no number, and a whole number is a number."""
    if kind is float:
        return type(value) in (int, float)
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, Mapping) if str(kind) not in TYPES else type(value) is kind


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, str) else str(value)
