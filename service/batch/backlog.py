"""A worker's view of the backlog, as averages: any number of workers may publish theirs, and nothing counts twice."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from statistics import fmean
from threading import Lock

from service.batch.events import Upload
from service.batch.lease import Lease
from service.contract import Gauge

# Enough for an average, and few enough to follow a change of the recordings within minutes.
RECENT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Length:
    """A decoded recording: its suffix, the bytes of its object and its seconds of audio."""

    suffix: str
    size: int
    seconds: float


class Backlog:
    """How long recordings are, how much of those in hand is left, and how fast they are transcribed.

    No worker sees the messages that wait: those that it received lately stand for them. A length is known once the
    recording is decoded; until then, the size of the object gives it, at the bytes per second of recordings with the same
    suffix. With none of them yet, it is unknown and left out.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._lengths: deque[_Length] = deque(maxlen=RECENT)
        # Seconds of audio, and of processing.
        self._works: deque[tuple[float, float]] = deque(maxlen=RECENT)

    def decoded(self, upload: Upload, seconds: float) -> None:
        """Note the length of a recording."""
        with self._lock:
            self._lengths.append(_Length(suffix=_suffix(upload), size=upload.size, seconds=seconds))

    def transcribed(self, seconds: float, *, processing_seconds: float) -> None:
        """Note how long a recording took."""
        with self._lock:
            self._works.append((seconds, processing_seconds))

    def gauges(self, leases: Sequence[Lease]) -> dict[Gauge, list[float]]:
        """What is known, given the messages in hand; a gauge of which nothing is known is left out."""
        with self._lock:
            lengths, works = list(self._lengths), list(self._works)
        estimates, rests = [], []
        for lease in leases:
            # Its thread may change both meanwhile.
            upload, audio = lease.upload, lease.audio
            if upload is None:
                continue
            seconds = _estimate(upload, lengths) if audio is None else audio
            if seconds is None:
                continue
            if audio is None:
                estimates.append(seconds)
            rests.append(seconds * (1 - lease.share))
        calls = [length.seconds for length in lengths] + estimates
        audio_seconds, processing_seconds = (
            (sum(values) for values in zip(*works, strict=True)) if works else (0.0, 0.0)
        )
        known = {
            Gauge.CALL_SECONDS: [fmean(calls)] if calls else [],
            Gauge.REST_SECONDS: rests,
            Gauge.PACE: [audio_seconds / processing_seconds] if processing_seconds else [],
        }
        return {gauge: values for gauge, values in known.items() if values}


def _estimate(upload: Upload, lengths: Sequence[_Length]) -> float | None:
    """Seconds of audio of an object of this size, if any with its suffix was decoded."""
    alike = [length for length in lengths if length.suffix == _suffix(upload)]
    size = sum(length.size for length in alike)
    return upload.size * sum(length.seconds for length in alike) / size if size else None


def _suffix(upload: Upload) -> str:
    return PurePosixPath(upload.key).suffix.lower()
