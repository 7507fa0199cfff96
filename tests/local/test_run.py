import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local import emulator
from local.__main__ import main
from local.deploy import ROOT
from local.processes import end_like_interrupted
from tests.local.leftovers import left_behind
from tests.standin import MODEL


def test_run_ends_with_everything_it_started(tmp_path: Path) -> None:
    """`make run` prints the addresses, and SIGTERM ends it with all of its processes."""
    with subprocess.Popen(
        [sys.executable, "-m", "local", "--folder", str(tmp_path), "run", "--port", "0", "--model", str(MODEL)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith("Ctrl-C"):
                break
        assert len(left_behind(tmp_path)) >= 2  # the emulator and the API
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60)[1] == "local: interrupted; nothing is left running\n"
    assert process.returncode == 1
    assert not left_behind(tmp_path)
    text = "".join(printed)
    for name in ("recordings", "transcripts", "queue", "API", "AWS_ENDPOINT_URL=http://127.0.0.1:", "curl"):
        assert name in text


def test_run_beside_a_running_emulator_is_refused(tmp_path: Path) -> None:
    """Two clouds in one folder would share their files."""
    folder = tmp_path / "run"
    folder.mkdir()
    emulator.start(folder)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "local", "--folder", str(tmp_path), "run", "--port", "0"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert emulator.find(folder)
    finally:
        emulator.stop(folder)
    assert done.returncode == 1
    assert done.stderr == f"local: an emulator runs in {folder}; `python -m local --folder {folder} stop` ends it\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_a_program_like_ctrl_c(number: signal.Signals) -> None:
    """Both raise the exception of SIGINT, on which every cloud ends its processes."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    end_like_interrupted()
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@pytest.mark.parametrize("seconds", ["0", "61", "soon"])
def test_minute_out_of_range_is_refused(capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    """A minute must be long enough for a tick, and short enough to watch."""
    with pytest.raises(SystemExit):
        main(["run", "--minute", seconds])
    assert f"--minute: got '{seconds}', expected a number from 0.1 to 60" in capsys.readouterr().err
