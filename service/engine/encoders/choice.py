"""Chooses the encoder by processor, and proves it on a known window before any call depends on it."""

from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from service import processor
from service.engine.encoders.accelerated import OpenVinoEncoder
from service.engine.encoders.base import Encoder, EncoderUnavailable, NativeEncoder
from service.engine.encoders.graph import Arithmetic
from service.engine.encoders.parameters import Parameters
from service.recording import SAMPLE_RATE
from service.settings import ANY_PROVEN, Settings
from service.telemetry import log

# The root mean square of the difference to CTranslate2's encoding, as a share of the encoding's own. Both round in
# their own way: measured 0.00 to 0.09 on speech; other weights give more than 1.
MAX_DIFFERENCE = 0.15


def choose(
    model: WhisperModel, folder: Path, *, settings: Settings, frames: int, streams: int, threads: int
) -> Encoder:
    """The encoder that the settings name; for `auto` the fastest that is proven on this kind of processor.

    If OpenVINO's cannot run, or encodes the known window unlike CTranslate2's, CTranslate2's runs and a log line says why.
    """
    native = NativeEncoder(model.model)
    number_format = processor.number_format(settings.compute_type)
    # On Arm nothing better is measured.
    if (
        settings.exact
        or settings.encoder == "ctranslate2"
        or (settings.encoder == ANY_PROVEN and not processor.instructions())
    ):
        return native
    try:
        encoder = _accelerated(folder, number_format, frames=frames, streams=streams, threads=threads)
        _prove(encoder, native, known_features(model, frames=frames))
    # OpenVINO raises plain RuntimeErrors when it compiles and when it runs, and damaged weights give others: none of
    # them may stop a service that has a second encoder.
    except Exception as error:  # noqa: BLE001
        reason = str(error).partition("\n")[0] or type(error).__name__
        log("encoder unavailable, CTranslate2's own runs", reason=reason, encoder=native.name)
        return native
    return encoder


def _prove(encoder: Encoder, native: Encoder, features: NDArray[np.float32]) -> None:
    difference = relative_difference(encoder.encode(features), native.encode(features))
    if not difference <= MAX_DIFFERENCE:
        raise EncoderUnavailable(f"its encoding differs by {difference:.2f}, expected at most {MAX_DIFFERENCE}")


def _accelerated(folder: Path, number_format: str, *, frames: int, streams: int, threads: int) -> Encoder:
    if number_format == "float32":
        arithmetic = Arithmetic.FLOAT32
    elif processor.kind() == "AMX":
        arithmetic = Arithmetic.BFLOAT16
    else:
        arithmetic = Arithmetic.INT8
    parameters = Parameters.read(folder / "model.bin")
    return OpenVinoEncoder(parameters, frames=frames, arithmetic=arithmetic, streams=streams, threads=threads)


def known_features(model: WhisperModel, *, frames: int) -> NDArray[np.float32]:
    """The features of the known sound."""
    features: NDArray[np.float32] = model.feature_extractor(known_sound(seconds=frames / 100))
    return features[:, :frames]


def known_sound(*, seconds: float) -> NDArray[np.float32]:
    """A sound that is the same on every machine, shape (samples,): a sung note in syllables, over faint noise."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 120 * time + 4 * np.sin(2 * np.pi * 0.7 * time)
    voice = sum(np.sin(2 * np.pi * n * pitch) / n for n in range(1, 20)) * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * time))
    noise = np.random.default_rng(0).normal(size=len(time))
    return np.asarray(0.1 * voice + 0.003 * noise, np.float32)


def relative_difference(encoding: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """The root mean square of the difference, as a share of that of the expected encoding."""
    if encoding.shape != expected.shape:
        return float("inf")
    return float(np.sqrt(np.mean((encoding - expected) ** 2) / np.mean(expected**2)))
