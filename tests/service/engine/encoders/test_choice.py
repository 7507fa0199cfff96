"""The encoder is chosen by processor and proven at start; otherwise CTranslate2's runs, and a log line says why."""

import logging
import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from service import processor
from service.engine import encoders
from service.engine.encoders import Encoder
from service.engine.encoders.accelerated import OpenVinoEncoder
from service.engine.encoders.parameters import Parameters
from service.settings import Settings
from tests.standin import MODEL

VNNI = frozenset({"avx512_vnni"})
AMX = frozenset({"avx512_vnni", "amx_bf16"})
AVX2 = frozenset({"avx2"})
ARM = frozenset[str]()


@pytest.fixture(scope="module")
def model() -> WhisperModel:
    """The stand-in model."""
    return WhisperModel(str(MODEL), device="cpu", compute_type="int8", cpu_threads=1)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretends a kind of processor."""

    def pretend(instructions: frozenset[str]) -> None:
        monkeypatch.setattr(platform, "machine", lambda: "x86_64" if instructions else "aarch64")
        monkeypatch.setattr(processor, "instructions", lambda *_: instructions)

    return pretend


def choose(model: WhisperModel, *, folder: Path = MODEL, **settings: Any) -> Encoder:
    """The choice for a model on one thread."""
    return encoders.choose(model, folder, settings=Settings(**settings), frames=400, streams=1, threads=1)


def reason(caplog: pytest.LogCaptureFixture) -> str:
    """The reason in the one log line."""
    (record,) = caplog.records
    assert record.getMessage() == "encoder unavailable, CTranslate2's own runs"
    facts: dict[str, str] = record.__dict__["facts"]
    assert facts["encoder"].startswith("ctranslate2 ")
    return facts["reason"]


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "service")


@pytest.mark.parametrize(
    ("instructions", "settings", "expected"),
    [
        (AMX, {}, "bfloat16"),
        (VNNI, {}, "int8"),
        (AVX2, {}, "float32"),  # `auto` computes in float32 there
        (AMX, {"compute_type": "float32"}, "float32"),
        (AVX2, {"compute_type": "int8"}, "int8"),
        (ARM, {"encoder": "openvino"}, "int8"),  # only if it is asked for
    ],
)
def test_arithmetic_follows_processor_and_format(
    model: WhisperModel,
    on: Any,
    caplog: pytest.LogCaptureFixture,
    instructions: frozenset[str],
    settings: dict[str, Any],
    expected: str,
) -> None:
    """The fastest that the processor has, and never less exact than the format that was asked for."""
    on(instructions)
    assert choose(model, **settings).name.split()[::2] == ["openvino", expected]
    assert not caplog.records


@pytest.mark.parametrize(
    ("instructions", "settings"),
    [(AMX, {"encoder": "ctranslate2"}), (AMX, {"exact": True}), (ARM, {})],
    ids=["forced", "exact", "arm"],
)
def test_ctranslate2_runs_if_it_is_wanted(
    model: WhisperModel,
    on: Any,
    caplog: pytest.LogCaptureFixture,
    instructions: frozenset[str],
    settings: dict[str, Any],
) -> None:
    """By the setting, in exact mode, and on Arm, for which nothing better is measured: no cause for a log line."""
    on(instructions)
    assert choose(model, **settings).name.startswith("ctranslate2 ")
    assert not caplog.records


def test_encoder_that_disagrees_is_not_used(
    model: WhisperModel, on: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong instructions, a defect of the runtime, other weights: the known window shows it."""
    on(VNNI)
    right = OpenVinoEncoder.encode

    def wrong(self: OpenVinoEncoder, features: NDArray[np.float32]) -> NDArray[np.float32]:
        encoding = right(self, features)
        encoding[::2] = 0
        return encoding

    monkeypatch.setattr(OpenVinoEncoder, "encode", wrong)
    assert choose(model).name.startswith("ctranslate2 ")
    assert reason(caplog).startswith("its encoding differs by 0.")


@pytest.mark.parametrize("made", [np.full((200, 128), np.nan, np.float32), np.zeros((199, 128), np.float32)])
def test_encoding_that_is_no_number_or_has_another_shape_is_not_used(
    model: WhisperModel,
    on: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    made: NDArray[np.float32],
) -> None:
    """Neither compares as less than the accepted difference."""
    on(VNNI)
    monkeypatch.setattr(OpenVinoEncoder, "encode", lambda *_: made)
    assert choose(model).name.startswith("ctranslate2 ")
    assert reason(caplog).startswith("its encoding differs by ")


def test_weights_of_another_model_are_not_used(
    model: WhisperModel, on: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The difference that is accepted lies far below that of a model with other weights."""
    on(VNNI)
    read = Parameters.read(MODEL / "model.bin")
    other = {name: np.roll(array, 1, axis=0) if array.ndim else array for name, array in read.arrays.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parameters, "read", lambda _: Parameters(arrays=other))
        assert choose(model, folder=tmp_path).name.startswith("ctranslate2 ")
    assert reason(caplog).startswith("its encoding differs by ")


@pytest.mark.parametrize(("error", "told"), [("no memory\nat line 7", "no memory"), ("", "RuntimeError")])
def test_runtime_that_fails_while_it_runs_is_not_used(
    model: WhisperModel,
    on: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: str,
    told: str,
) -> None:
    """A kernel may fail on its first window only; also if the runtime is asked for by name."""
    on(VNNI)

    def fail(*_: object) -> None:
        raise RuntimeError(error)

    monkeypatch.setattr(OpenVinoEncoder, "encode", fail)
    assert choose(model, encoder="openvino").name.startswith("ctranslate2 ")
    assert reason(caplog) == told


def test_runtime_that_cannot_compile_is_not_used(
    model: WhisperModel, on: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first line of its error says enough."""
    on(VNNI)

    class Broken:
        def compile_model(self, *_: object) -> None:
            raise RuntimeError("no kernel\nat line 7")

    monkeypatch.setattr("openvino.Core", Broken)
    assert choose(model).name.startswith("ctranslate2 ")
    assert reason(caplog) == "no kernel"


def test_weights_that_cannot_be_read_are_not_used(
    model: WhisperModel, on: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """CTranslate2 holds what it has read."""
    on(VNNI)
    shutil.copytree(MODEL, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.bin").write_bytes(b"\x06\0\0\0")
    assert choose(model, folder=tmp_path).name.startswith("ctranslate2 ")
    assert reason(caplog).startswith("model.bin is damaged: ")


@pytest.mark.parametrize(
    ("name", "damaged", "told"),
    [
        ("num_heads", np.int16(0), "integer division or modulo by zero"),
        ("conv1/bias", np.zeros(3, np.float32), ""),
        ("layer_norm/gamma", np.full(128, np.nan, np.float32), "its encoding differs by nan"),
    ],
)
def test_damaged_weights_are_not_used(
    model: WhisperModel,
    on: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    damaged: Any,
    told: str,
) -> None:
    """Whatever the damage makes of the graph, the service starts."""
    on(VNNI)
    read = Parameters.read(MODEL / "model.bin")
    monkeypatch.setattr(Parameters, "read", lambda _: Parameters(arrays={**read.arrays, name: np.asarray(damaged)}))
    assert choose(model).name.startswith("ctranslate2 ")
    assert reason(caplog).startswith(told)
