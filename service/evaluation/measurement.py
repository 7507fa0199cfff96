"""One golden recording through the engine: its errors and the time it takes."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from service import processor
from service.errors import BadGateData, RequestError
from service.evaluation.error_rates import TurnErrors, count_errors
from service.evaluation.golden import GoldenRecording, read_audio
from service.evaluation.normalisation import normalise
from service.evaluation.spacing import Spacing
from service.evaluation.storage import Storage
from service.evaluation.turns import Placement, place
from service.recording import Decode, Recording
from service.telemetry import log
from service.transcript import Transcript


class Transcriber(Protocol):
    """What the gate needs of an engine."""

    def transcribe(self, recording: Recording) -> Transcript:
        """Transcribe every channel of a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRecording:
    """The errors of each turn, by channel, and the time that decoding and transcribing took.

    `placements` has each turn in call order; None if the times of some turns are not known.
    """

    digest: str
    language: str
    seconds: float
    processing_seconds: float
    channels: tuple[tuple[TurnErrors, ...], ...]
    placements: tuple[Placement, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The hardware that processing times depend on; reports before version 0.1.0 do not name its kind."""

    processor: str
    cpus: int
    kind: str = ""

    def __str__(self) -> str:
        """The kind of processor and the number of CPUs, whose times can be compared."""
        return f"{self.kind or self.processor}, {self.cpus} CPUs"

    @classmethod
    def this(cls) -> "Machine":
        """The machine that runs this process."""
        return cls(processor=processor.name(), cpus=len(os.sched_getaffinity(0)), kind=processor.kind())


def measure(
    golden: GoldenRecording, *, digest: str, storage: Storage, engine: Transcriber, decode: Decode
) -> MeasuredRecording:
    """Transcribe a golden recording and count the errors.

    Raises:
        BadGateData: the audio cannot be used, or a turn is on a channel that the audio does not have.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as file:
        file.write(read_audio(golden, storage=storage))
        try:
            transcript = engine.transcribe(decode(file, name=golden.audio))
        except RequestError as error:
            raise BadGateData(field=f"{golden.field}.audio", message=error.message, expected=error.expected) from error
    took = round(time.monotonic() - started, 3)
    log("evaluated", recording=golden.number, seconds=transcript.duration, processing_seconds=took)
    if any(turn.channel >= transcript.channels for turn in golden.turns):
        raise BadGateData(
            field=f"{golden.field}.turns",
            message="name a channel that the audio does not have",
            expected=f"channels from 0 to {transcript.channels - 1}",
        )
    return judge_transcript(golden, transcript, digest=digest, processing_seconds=took)


def judge_transcript(
    golden: GoldenRecording, transcript: Transcript, *, digest: str = "", processing_seconds: float = 0.0
) -> MeasuredRecording:
    """Count the errors of a transcript of a golden recording."""
    turns = golden.timed_turns()
    return MeasuredRecording(
        digest=digest,
        language=golden.language,
        seconds=transcript.duration,
        processing_seconds=processing_seconds,
        channels=tuple(
            tuple(count_errors(golden.reference(channel), _hypothesis(transcript, golden, channel)))
            for channel in range(transcript.channels)
        ),
        placements=tuple(place(turns, transcript.segments, language=golden.language)) if turns else None,
    )


def real_time_factor(recordings: Sequence[MeasuredRecording]) -> float:
    """Processing time over audio time."""
    took = sum(recording.processing_seconds for recording in recordings)
    seconds = sum(recording.seconds for recording in recordings)
    return max(took, 1e-3) / max(seconds, 1e-3)


def _hypothesis(transcript: Transcript, golden: GoldenRecording, channel: int) -> str:
    spacing = Spacing.of(golden.reference(channel))
    # Normalised segment by segment, as the reference turn by turn: a number ends with its segment.
    texts = [
        spacing.apply(normalise(segment.text, language=golden.language))
        for segment in transcript.segments
        if segment.channel == channel
    ]
    return " ".join(filter(None, texts))
