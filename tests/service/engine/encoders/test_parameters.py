"""The encoder's parameters are read from CTranslate2's file, and a file that is not understood is named."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed.model_file import write
from service.engine.encoders import EncoderUnavailable
from service.engine.encoders.parameters import Parameters
from tests.standin import MODEL

WEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_floats_are_read_in_any_precision(tmp_path: Path, kind: type[np.floating]) -> None:
    """Half precision is what models are published in."""
    file = write(tmp_path / "model.bin", {"encoder/layer": WEIGHTS.astype(kind), "decoder/layer": WEIGHTS})
    parameters = Parameters.read(file)
    assert list(parameters.arrays) == ["layer"]
    assert parameters.floats("layer").dtype == np.float32
    np.testing.assert_array_equal(parameters.floats("layer"), WEIGHTS)


@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 2)])
def test_weights_in_8_bits_are_scaled_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """CTranslate2 stores them multiplied by a scale for each output."""
    whole = np.arange(12, dtype=np.int8).reshape(shape)
    scale = np.array([1, 2, 4], np.float32)
    parameters = Parameters.read(
        write(tmp_path / "model.bin", {"encoder/layer": whole, "encoder/layer_scale": scale, "encoder/alone": whole})
    )
    for output in range(3):
        np.testing.assert_allclose(parameters.floats("layer")[output], whole[output] / scale[output])
    with pytest.raises(EncoderUnavailable, match=r"^the model stores alone as int8$"):
        parameters.floats("alone")


def test_dimensions_are_those_of_the_model() -> None:
    """Of the stand-in model: four layers, 128 wide, for 80 mel bands."""
    parameters = Parameters.read(MODEL / "model.bin")
    assert (parameters.layers, parameters.width, parameters.mels, parameters.width % parameters.heads) == (
        4,
        128,
        80,
        0,
    )


@pytest.mark.parametrize("length", [0, 3, 5, 40, 1000, -100_000])
def test_damaged_file_is_named(tmp_path: Path, length: int) -> None:
    """Wherever it is cut off."""
    file = tmp_path / "model.bin"
    file.write_bytes((MODEL / "model.bin").read_bytes()[:length])
    with pytest.raises(EncoderUnavailable, match=r"^model\.bin is damaged: "):
        Parameters.read(file)


def test_file_that_is_unreadable_is_named(tmp_path: Path) -> None:
    """The reason is the system's."""
    with pytest.raises(EncoderUnavailable, match=r"^model\.bin cannot be read: No such file or directory$"):
        Parameters.read(tmp_path / "model.bin")


def test_file_of_another_version_is_named(tmp_path: Path) -> None:
    """What a later version means by the same bytes is unknown."""
    with pytest.raises(EncoderUnavailable, match=r"^model\.bin has format 7, expected at most 6$"):
        Parameters.read(write(tmp_path / "model.bin", {}, binary=7))
    with pytest.raises(EncoderUnavailable, match=r"^model\.bin is \('WhisperSpec', 4\), expected"):
        Parameters.read(write(tmp_path / "model.bin", {}, specification=("WhisperSpec", 4)))
    with pytest.raises(EncoderUnavailable, match=r"^model\.bin is \('Wav2Vec2Spec', 3\), expected"):
        Parameters.read(write(tmp_path / "model.bin", {}, specification=("Wav2Vec2Spec", 3)))


def test_missing_parameter_is_named(tmp_path: Path) -> None:
    """A model of another architecture lacks some."""
    parameters = Parameters.read(write(tmp_path / "model.bin", {"encoder/conv1/bias": WEIGHTS}))
    for read in (lambda: parameters.floats("conv1/weight"), lambda: parameters.width, lambda: parameters.mels):
        with pytest.raises(EncoderUnavailable, match=r"^the model has no parameter conv1/weight$"):
            read()
    with pytest.raises(EncoderUnavailable, match=r"^the model has no parameter num_heads$"):
        _ = parameters.heads
