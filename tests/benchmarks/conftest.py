"""A folder of the test's own for all that the benchmark keeps, with the engine `echo` and a call."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed import preparation, processes
from tests.benchmarks.echo import ECHO


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer named `echo`, and a folder of the test's own for what is kept."""
    peers = tmp_path / "benchmarks" / "speed" / "peers"
    peers.mkdir(parents=True)
    (peers / "echo.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(processes, "FOLDER", tmp_path)
    monkeypatch.setattr(preparation, "AUDIO", tmp_path)
    np.save(tmp_path / "call.npy", np.zeros((2, 32_000), np.int16))
