"""Synthetic voices: Debian's espeak-ng and flite, which `speak` starts as programs."""

import random
import shutil
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np

from demo.training.audio import SAMPLE_RATE, Samples, resample

# Of the peak: what is below it before the first and after the last word is silence.
SILENCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One voice of a speech synthesiser."""

    program: Literal["espeak-ng", "flite"]
    name: str

    def draw_manner(self, rng: random.Random) -> tuple[str, ...]:
        """Options for a random speed (and, for espeak-ng, pitch)."""
        if self.program == "espeak-ng":
            return ("-s", str(rng.randint(140, 195)), "-p", str(rng.randint(25, 75)))
        return ("--setf", f"duration_stretch={rng.uniform(0.85, 1.2):.2f}")


def _espeak(accents: str, variants: str) -> tuple[Voice, ...]:
    return tuple(
        Voice(program="espeak-ng", name=f"{accent}+{variant}")
        for accent in accents.split()
        for variant in variants.split()
    )


_TAUGHT_VARIANTS = "m1 m2 m3 m4 m7 f1 f2 f3 f4 f5"
_FLITE = tuple(Voice(program="flite", name=name) for name in ("kal16", "awb", "rms", "slt"))
# flite's voices were recorded from people: each counts six times, or espeak-ng's would drown them.
TAUGHT = {
    "en": _espeak("en-us en-gb en-gb-x-rp en-gb-scotland", _TAUGHT_VARIANTS) + _FLITE * 6,
    "fr": _espeak("fr fr-be fr-ch", _TAUGHT_VARIANTS),
}
# Never used in training: other accents and other variants.
UNTAUGHT = {
    "en": _espeak("en-us-nyc en-gb-x-gbclan en-us en-gb", "m5 m6 m8 adam linda"),
    "fr": _espeak("fr fr-be fr-ch", "m5 m6 m8 adam linda"),
}


def require_synthesisers() -> None:
    """End the program with a message where espeak-ng or flite is missing."""
    missing = [program for program in ("espeak-ng", "flite") if not shutil.which(program)]
    if missing:
        sys.exit(f"{' and '.join(missing)} not found: on Debian and Ubuntu, `sudo apt-get install espeak-ng flite`")


def speak(text: str, voice: Voice, manner: tuple[str, ...]) -> Samples:
    """The text as speech at 16 kHz, shape (frames,), peak 1, without silence before and after."""
    if voice.program == "espeak-ng":
        command = ["espeak-ng", "-v", voice.name, *manner, "-a", "100", "--stdout", text]
        sound = subprocess.run(command, check=True, capture_output=True).stdout
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.wav"
            subprocess.run(["flite", "-voice", voice.name, *manner, "-t", text, "-o", str(path)], check=True)
            sound = path.read_bytes()
    with wave.open(BytesIO(sound)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        samples = resample(np.divide(pcm, 32768, dtype=np.float32), file.getframerate(), SAMPLE_RATE)
    return trim(samples / np.abs(samples).max())


def trim(samples: Samples) -> Samples:
    """The samples, shape (frames,), without silence before and after."""
    loudness = np.abs(samples)
    voiced = np.flatnonzero(loudness > SILENCE * loudness.max())
    return samples[voiced[0] : voiced[-1] + 1]
