"""The service's own worker with an engine that takes a set time: for rehearsals of speed, never of words.

`python -m local.paced worker` is started like `python -m service worker`. The file that `PACE_FILE` names holds the seconds
of audio that a worker transcribes in a second; it is read again for each stretch of audio, so that a rehearsal can change it.
"""

import io
import os
import sys
import threading
import time
import wave
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from local.processes import TaskDefinition
from service import __main__ as program
from service.transcript import Transcript

if TYPE_CHECKING:
    from service.engine.engine import Progress
    from service.recording import Recording

PACE_FILE = "PACE_FILE"
TELEPHONE_RATE = 8_000
# A stretch takes this long, as a batch does in an engine.
STRETCH_SECONDS = 0.2


class PacedEngine:
    """Transcribes to no words at a set pace, shared by the lanes of a worker as an engine is."""

    encoder = "paced"

    def __init__(self, pace: Path) -> None:
        self._pace = pace
        self._turn = threading.Lock()
        self._free = 0.0

    def transcribe(self, recording: "Recording", *, progress: "Progress") -> Transcript:
        """Take as long as the recording needs at the pace."""
        left = recording.duration
        while left > 0:
            with self._turn:
                pace = float(self._pace.read_text())
                stretch = min(left, pace * STRETCH_SECONDS)
                # From the end of the stretch before, so that what sleeping takes too long does not add up.
                now = time.monotonic()
                begin = self._free if now - self._free < STRETCH_SECONDS else now
                self._free = begin + stretch / pace
                time.sleep(max(0.0, self._free - now))
            left -= stretch
            progress(1 - left / recording.duration)
        return Transcript(
            language="en",
            language_probability=1.0,
            duration=recording.duration,
            channels=recording.samples.shape[0],
            segments=(),
        )


def paced(worker: TaskDefinition, pace: Path) -> TaskDefinition:
    """The worker with this engine, whose pace is in a file."""
    return replace(worker, module="local.paced", environ={**worker.environ, PACE_FILE: str(pace)})


def tone(seconds: float) -> bytes:
    """A recording of this length, as a telephone system makes it, that says nothing."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TELEPHONE_RATE)
        file.writeframes(b"\x10\x00\xf0\xff" * int(seconds * TELEPHONE_RATE / 2))
    return buffer.getvalue()


def main() -> int:
    """Run the verb that the arguments name."""
    engine = PacedEngine(Path(os.environ[PACE_FILE]))
    with mock.patch.object(program, "_load_engine", return_value=engine):
        return program.main(sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
