"""OpenVINO's encoder computes what CTranslate2's does, on no more threads than it may use."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import WhisperModel

from service import processor
from service.engine.encoders import EncoderUnavailable, NativeEncoder
from service.engine.encoders.accelerated import OpenVinoEncoder
from service.engine.encoders.choice import MAX_DIFFERENCE, known_features, relative_difference
from service.engine.encoders.graph import Arithmetic
from service.engine.encoders.parameters import Parameters
from service.engine.model import find
from tests.standin import MODEL

PARAMETERS = Parameters.read(MODEL / "model.bin")


def loaded(folder: Path) -> WhisperModel:
    """A model in CTranslate2, computing exactly."""
    return WhisperModel(str(folder), device="cpu", compute_type="float32", cpu_threads=1)


def compiled(
    parameters: Parameters = PARAMETERS,
    *,
    arithmetic: Arithmetic = Arithmetic.FLOAT32,
    frames: int = 400,
    streams: int = 1,
    threads: int = 1,
) -> OpenVinoEncoder:
    """An encoder for short windows."""
    return OpenVinoEncoder(parameters, frames=frames, arithmetic=arithmetic, streams=streams, threads=threads)


@pytest.fixture(scope="module")
def model() -> WhisperModel:
    """The stand-in model."""
    return loaded(MODEL)


@pytest.mark.parametrize("frames", [2900, 400, 401])
def test_graph_computes_what_ctranslate2_does(model: WhisperModel, frames: int) -> None:
    """With another runtime's rounding, and for every length."""
    features = known_features(model, frames=frames)
    encoding, expected = compiled(frames=frames).encode(features), NativeEncoder(model.model).encode(features)
    assert relative_difference(encoding, expected) < 1e-3


@pytest.mark.words
def test_graph_computes_what_ctranslate2_does_with_real_weights() -> None:
    """Those of Whisper base."""
    folder = find("base").folder
    base = loaded(folder)
    features = known_features(base, frames=2900)
    encoder = compiled(Parameters.read(folder / "model.bin"), frames=2900)
    assert relative_difference(encoder.encode(features), NativeEncoder(base.model).encode(features)) < 1e-3


@pytest.mark.parametrize("arithmetic", [Arithmetic.BFLOAT16, Arithmetic.INT8])
def test_arithmetic_rounds_no_more_than_the_choice_accepts(model: WhisperModel, arithmetic: Arithmetic) -> None:
    """Both are fast; neither is exact."""
    features = known_features(model, frames=400)
    difference = relative_difference(
        compiled(arithmetic=arithmetic).encode(features), NativeEncoder(model.model).encode(features)
    )
    assert 0 < difference < MAX_DIFFERENCE


def test_encodings_are_kept_while_others_are_made() -> None:
    """From many threads: each has a request of its own, whose memory the next window overwrites."""
    encoder = compiled(streams=2, threads=2)
    generator = np.random.default_rng(0)
    windows = [generator.normal(size=(80, 400)).astype(np.float32) for _ in range(12)]
    alone = [encoder.encode(window) for window in windows]
    with ThreadPoolExecutor(4) as pool:
        for encoding, expected in zip(pool.map(encoder.encode, windows), alone, strict=True):
            np.testing.assert_allclose(encoding, expected, atol=1e-4)


def test_name_tells_runtime_version_and_arithmetic() -> None:
    """As the provenance of a transcript does."""
    name, version, arithmetic = compiled(arithmetic=Arithmetic.INT8).name.split()
    assert (name, arithmetic, version.count(".")) == ("openvino", "int8", 2)


def test_parameters_that_do_not_fit_are_named() -> None:
    """Another model's weights, or half of this one's."""
    wrong = dict(PARAMETERS.arrays) | {"layer_0/ffn/linear_0/weight": np.zeros((7, 7), np.float32)}
    for arrays in (wrong, {name: array for name, array in wrong.items() if not name.startswith("layer_norm")}):
        with pytest.raises((EncoderUnavailable, RuntimeError)):
            compiled(replace(PARAMETERS, arrays=arrays))


def test_streams_share_the_threads_and_rest() -> None:
    """As many threads compute as are allowed, whatever the number of streams; without work they do not spin."""
    if processor.available_cpus() < 2:
        pytest.skip("one processor tells nothing about several threads")
    encoder = compiled(frames=2900, streams=2, threads=2)
    window = np.zeros((80, 2900), np.float32)

    def cpu_per_second(*, busy: bool) -> float:
        began, used = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(4) as pool:
            if busy:
                list(pool.map(encoder.encode, [window] * 16))
            else:
                time.sleep(0.5)
        return (time.process_time() - used) / (time.perf_counter() - began)

    cpu_per_second(busy=True)
    assert cpu_per_second(busy=True) < 2.2
    assert cpu_per_second(busy=False) < 0.1
