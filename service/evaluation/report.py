"""The report of one run of the gate, and its JSON form."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from service.errors import BadGateData
from service.evaluation.comparison import ErrorRate, error_rates
from service.evaluation.error_rates import TurnErrors
from service.evaluation.measurement import Machine, MeasuredRecording, real_time_factor
from service.evaluation.storage import Storage, parse_json
from service.evaluation.turns import Placement
from service.provenance import Provenance
from service.settings import WrongValue

# 2: numbers, contractions and spelling are normalised, characters are counted without spaces, and words have their
# turns' times: figures of schema 1 cannot be compared.
SCHEMA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The measured recordings of one run, with the model, settings and machine that it ran on.

    `earlier` are the real-time factors of earlier releases on other kinds of machines. `profile` is that of the task, as
    TOML; empty if it was not measured.
    """

    provenance: Provenance
    machine: Machine
    recordings: tuple[MeasuredRecording, ...]
    earlier: Mapping[str, float] = field(default_factory=dict)
    profile: str = ""

    @property
    def speeds(self) -> dict[str, float]:
        """The real-time factor of the last release that ran on each kind of machine, this one included."""
        return {**self.earlier, str(self.machine): round(real_time_factor(self.recordings), 5)}

    def to_json(self) -> bytes:
        """The report as one line of JSON. Rates and speed are added for readers; `from_dict` computes them again."""
        plain = {
            "schema": SCHEMA,
            "provenance": asdict(self.provenance),
            "machine": asdict(self.machine),
            "real_time_factor": round(real_time_factor(self.recordings), 5),
            "speeds": self.speeds,
            "rates": [_rate_dict(rate) for rate in error_rates(self.recordings)],
            "recordings": [asdict(recording) for recording in self.recordings],
        } | ({"profile": self.profile} if self.profile else {})
        return json.dumps(plain).encode() + b"\n"

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The report that `to_json` wrote; fields that a later version may have added are ignored.

        Raises:
            LookupError, TypeError or ValueError: this is not such a report.
        """
        if plain["schema"] != SCHEMA:
            raise WrongValue("schema", plain["schema"], str(SCHEMA))
        if not plain["recordings"]:
            raise WrongValue("recordings", "[]", "at least one")
        machine = Machine(**_known(Machine, plain["machine"]))
        return cls(
            provenance=Provenance(**_known(Provenance, plain["provenance"])),
            machine=machine,
            recordings=tuple(_measured_recording(recording) for recording in plain["recordings"]),
            earlier={kind: float(speed) for kind, speed in plain.get("speeds", {}).items() if kind != str(machine)},
        )


def read_report(location: str, *, first_release: bool, storage: Storage) -> Report | None:
    """The report that an earlier run wrote, or None if there is none yet and this is the first release.

    Raises:
        BadGateData: the file is missing or is not a report.
    """
    content = storage.read(location, field="--against")
    if content is None and first_release:
        return None
    plain = parse_json(content, location=location, field="--against")
    try:
        return Report.from_dict(plain)
    except (LookupError, TypeError, ValueError):
        expected = f"a report of schema {SCHEMA}, as --report writes it"
        raise BadGateData(field="--against", message="is not a report", expected=expected) from None


def _known(cls: type[Provenance | Machine], plain: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: plain[field.name] for field in fields(cls) if field.name in plain}


def _measured_recording(plain: Mapping[str, Any]) -> MeasuredRecording:
    placements = plain.get("placements")
    return MeasuredRecording(
        digest=str(plain["digest"]),
        language=str(plain["language"]),
        seconds=float(plain["seconds"]),
        processing_seconds=float(plain["processing_seconds"]),
        channels=tuple(tuple(TurnErrors(*map(int, turn)) for turn in turns) for turns in plain["channels"]),
        placements=None if placements is None else tuple(_placement(*placement) for placement in placements),
    )


def _placement(
    words: int, order_errors: int, spanned: int, ghosts: int, start_error: float | None, end_error: float | None
) -> Placement:
    counts = map(int, (words, order_errors, spanned, ghosts))
    return Placement(*counts, *(None if error is None else float(error) for error in (start_error, end_error)))


def _rate_dict(rate: ErrorRate) -> dict[str, Any]:
    return {
        "group": rate.group,
        "of": rate.metric,
        "count": rate.count,
        "rate": rate.rate.value,
        "low": rate.rate.low,
        "high": rate.rate.high,
    }
