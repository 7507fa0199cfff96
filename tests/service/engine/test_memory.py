"""Memory: settings that the container cannot hold are refused with numbers, and what is computed bounds what is used."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service import footprint, processor
from service.engine import loading, memory
from service.engine.decoding import Decoder
from service.engine.exact import ExactDecoder
from service.engine.model import find
from service.footprint import Dimensions
from service.recording import SAMPLE_RATE
from service.settings import MODELS, SettingError, Settings
from tests.standin import MODEL

MB = footprint.MB
BASE = Dimensions(encoder_parameters=20_593_665, decoder_parameters=52_009_480, layers=6, width=512)
SMALL = Dimensions(encoder_parameters=88_154_112, decoder_parameters=153_580_800, layers=12, width=768)


def total(dimensions: Dimensions = BASE, **settings: Any) -> int:
    """The bytes that the engine needs."""
    usual: dict[str, Any] = {"threads": 4, "workers": 2, "compute_type": "int8"}
    return memory.need(dimensions, Settings(**usual | settings)).total


def test_dimensions_are_read_from_the_weights() -> None:
    """Of the stand-in model: four layers, 128 wide."""
    dimensions = memory.read_dimensions(MODEL)
    assert (dimensions.layers, dimensions.width) == (4, 128)
    assert dimensions.decoder_parameters > dimensions.encoder_parameters > 1_000_000


def test_windows_are_counted_as_the_engine_cuts_them() -> None:
    """The formula, which the stacks read, cannot ask the decoder."""
    assert (footprint.WINDOW_FRAMES, footprint.EXACT_WINDOW_FRAMES) == (Decoder.FRAMES, ExactDecoder.FRAMES)
    assert SAMPLE_RATE / 512 == footprint.FRAMES_PER_SECOND


def test_every_model_that_settings_name_has_known_dimensions() -> None:
    """Within a thousandth of the numbers in their files, which add a few of a runtime's own."""
    assert footprint.KNOWN.keys() == MODELS
    for name, read in (("base", BASE), ("small", SMALL)):
        known = footprint.KNOWN[name]
        assert (known.layers, known.width) == (read.layers, read.width)
        assert known.encoder_parameters == pytest.approx(read.encoder_parameters, rel=1e-3)
        assert known.decoder_parameters == pytest.approx(read.decoder_parameters, rel=1e-3)


@pytest.mark.parametrize(
    "more",
    [{"batch_size": 9}, {"workers": 3}, {"compute_type": "float32"}, {"max_running": 5}, {"max_audio_seconds": 7200}],
)
def test_need_grows_with_each_setting(more: dict[str, Any]) -> None:
    """Batches, workers, number format, calls at once and their length."""
    assert total(**more) > total()


def test_window_of_a_batch_takes_its_keys_and_values() -> None:
    """Two copies of 36 MB for `base`, 107 MB for `small`, and one more encoding for each call at once."""
    for dimensions, layers, width in ((BASE, 6, 512), (SMALL, 12, 768)):
        encoding = 1450 * width * 4
        grown = total(dimensions, workers=1, batch_size=2) - total(dimensions, workers=1, batch_size=1)
        assert grown == 2 * 2 * layers * encoding + 4 * encoding


def test_batch_beyond_memory_is_refused_with_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any weights are loaded: the setting, the limit, the need by purpose, and the largest batch that fits."""
    settings = Settings(model=str(MODEL), batch_size=64, workers=2, threads=2)
    needed = memory.need(memory.read_dimensions(MODEL), settings).total
    monkeypatch.setattr(processor, "memory_limit", lambda: needed - 1)
    with pytest.raises(
        SettingError,
        match=rf"^WHISPER_BATCH_SIZE: got '64', expected at most 63 with 2 workers: the container has {(needed - 1) // MB} MB, "
        rf"and this would need {needed // MB} MB \(process \d+, weights \d+, batches \d+, calls \d+, decoders \d+\)$",
    ):
        loading.load(settings)
    monkeypatch.setattr(processor, "memory_limit", lambda: needed)
    memory.check(MODEL, settings)


@pytest.mark.parametrize("name", ["max_running", "lanes"])
def test_calls_beyond_memory_are_refused_with_numbers(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """If not even the smallest batch fits, because so many calls at once take the memory."""
    one = Settings(model=str(MODEL), max_running=1, lanes=1, workers=1, threads=1)
    many: dict[str, Any] = {name: 12}
    some: dict[str, Any] = {name: 5}
    settings, fewer = replace(one, **many), replace(one, **some)
    fits = memory.need(memory.read_dimensions(MODEL), fewer).total
    monkeypatch.setattr(processor, "memory_limit", lambda: fits)
    with pytest.raises(
        SettingError, match=rf"^WHISPER_{name.upper()}: got '12', expected at most 5: the container has "
    ):
        loading.load(settings)


def test_model_beyond_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one window fits."""
    monkeypatch.setattr(processor, "memory_limit", lambda: 200 * MB)
    with pytest.raises(
        SettingError, match=r"^WHISPER_MODEL: got '.*', expected one that fits: the container has 200 MB"
    ):
        loading.load(Settings(model=str(MODEL)))


def test_model_of_unknown_format_is_not_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """CTranslate2 says whether it reads it."""
    monkeypatch.setattr(processor, "memory_limit", lambda: 0)
    (tmp_path / "model.bin").write_bytes(b"\x07\0\0\0")
    memory.check(tmp_path, Settings())


def test_model_without_a_parameter_is_not_checked(tmp_path: Path) -> None:
    """As one of unknown format: CTranslate2 refuses it, and no traceback comes first."""
    folder = shutil.copytree(MODEL, tmp_path / "model")
    weights = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(weights.replace(b"encoder/conv1/weight", b"encoder/conv1/wei_ht"))
    memory.check(folder, Settings())


# In a process of its own, whose memory is the engine's: prints its resident MB, twice a second, and the highest.
PROGRAM = """
import json, re, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
import numpy as np
from service.engine.engine import Engine
from service.recording import Recording, decode
from service.settings import Settings

def resident(name):
    return int(re.search(rf"^{name}:\\s+(\\d+)", Path("/proc/self/status").read_text(), re.M)[1]) // 1024

def call(samples):
    return Recording(samples=samples, missing_seconds=0.0, gaps=())

def watch(ended, seen):
    while not ended.wait(0.5):
        seen.append(resident("VmRSS"))

if __name__ == "__main__":
    path, (minutes, shorts, workers) = sys.argv[1], map(int, sys.argv[2:])
    settings = Settings(model="base", language="en", workers=workers)
    engine = Engine.load(settings)
    with open(path, "rb") as file:
        samples = decode(file, settings=settings, name=path).samples
    rate, seen, ended, audio = 16000, [], Event(), 0
    if minutes:
        frames = minutes * 60 * rate
        long = np.tile(np.asarray(samples), (1, frames // samples.shape[1] + 1))[:, :frames]
        audio = long.nbytes >> 20
    watcher = Thread(target=watch, args=(ended, seen))
    watcher.start()
    if minutes:
        engine.transcribe(call(long))
    with ThreadPoolExecutor(4) as pool:
        def short(number):
            # One channel each, in turn: a second one takes as long again and shows the same.
            own, start = samples[number % 2 :][:1], number * 7919 % (samples.shape[1] - 10 * rate)
            engine.transcribe(call(own[:, start : start + rate * (2 + number % 4)]))
        list(pool.map(short, range(shorts)))
    ended.set()
    watcher.join()
    print(json.dumps({"seen": seen, "highest": resident("VmHWM"), "audio": audio}))
"""


def measured(path: Path, *, minutes: int, shorts: int, workers: int) -> dict[str, Any]:
    """What the program prints."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(minutes), str(shorts), str(workers)],
        capture_output=True, text=True, check=True, timeout=3000,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.verify
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("minutes", "shorts", "workers"),
    # Two workers with long windows may have their largest batches at once for the first time in the second half.
    [(60, 0, 1), (0, 1000, 2)],
    ids=["an hour", "a thousand calls"],
)
def test_memory_is_flat_and_within_the_need(minutes: int, shorts: int, workers: int) -> None:
    """The second half of the work takes no more than the first did, and never more than was computed."""
    found = measured(Path("demo/calls/billing.wav"), minutes=minutes, shorts=shorts, workers=workers)
    seen = found["seen"]
    half = len(seen) // 2
    assert max(seen[half:]) <= 1.05 * max(seen[:half])
    assert_within_the_need(found, workers=workers)


@pytest.mark.verify
@pytest.mark.timeout(3600)
def test_hour_with_two_workers_is_within_the_need() -> None:
    """Whenever their largest batches meet."""
    assert_within_the_need(measured(Path("demo/calls/billing.wav"), minutes=60, shorts=0, workers=2), workers=2)


def assert_within_the_need(found: Mapping[str, Any], *, workers: int) -> None:
    """The highest memory, without the call's own samples, is no more than was computed."""
    limit = memory.need(memory.read_dimensions(find("base").folder), Settings(workers=workers)).total
    assert found["highest"] - found["audio"] <= limit // MB
