import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from local import emulator
from local.__main__ import main
from local.deploy import ROOT
from local.errors import LocalError
from local.exports import exported
from local.processes import end_like_interrupted
from tests.interrupted import interrupted
from tests.local.leftovers import left_behind
from tests.standin import MODEL


@pytest.mark.verify
def test_run_serves_a_shell_and_ends_on_ctrl_c_with_everything_it_started(tmp_path: Path) -> None:
    """Its exports are all that `jobs` needs; at its end no process, no file of exports and no error line is left."""
    words = [sys.executable, "-m", "local", "--folder", str(tmp_path), "run", "--port", "0", "--model", str(MODEL)]
    (tmp_path / "Makefile").write_text(f"run:\n\t{shlex.join(words)}\n")
    # Ctrl-C in a terminal reaches make, too, which says so if the program ends with an error.
    with subprocess.Popen(
        ["make", "--silent", "--directory", str(ROOT), "--file", str(tmp_path / "Makefile"), "run"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "Ctrl-C" in line:
                break
        assert len(left_behind(tmp_path)) >= 2  # the emulator and the API
        exports = tmp_path / "run" / "exports.sh"
        assert [line for line in exports.read_text().splitlines() if f"  {line}\n" not in printed] == []
        counted = overview(exports)
        os.killpg(process.pid, signal.SIGINT)
        rest, told = process.communicate(timeout=60)
    assert (told, rest.splitlines()[-1]) == ("", "Everything is ended.")
    assert not left_behind(tmp_path)
    assert not exports.exists()
    assert counted.keys() >= {"waiting", "dead letters", "done", "partial"}
    text = "".join(printed)
    for name in ("recordings", "transcripts", "queue", "API", "AWS_ENDPOINT_URL=http://127.0.0.1:", "curl"):
        assert name in text


def overview(exports: Path) -> dict[str, int]:
    """What `jobs` counts in a shell that has read a file of exports, and has nothing else of AWS's or the service's."""
    command = f". {shlex.quote(str(exports))} && {shlex.quote(sys.executable)} -m service jobs --json"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WHISPER_"))}
    done = subprocess.run(["sh", "-euc", command], cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


@pytest.mark.parametrize(("verb", "code"), [("run", 0), ("rehearse", 130)])
def test_ctrl_c_during_the_imports_ends_without_a_word(verb: str, code: int) -> None:
    """Libraries that are being imported would swallow the interrupt, or print it."""
    done = interrupted("local", verb, library="boto3")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_exports_that_cannot_be_written_end_the_run_in_one_line(tmp_path: Path) -> None:
    """The line names the option and the file."""
    cloud = Mock(operator={}, url="", key="", queue="", dead_letters="")
    told = r"^--exports: got '.*/absent/file', expected a file to write to \(No such"
    with pytest.raises(LocalError, match=told), exported(cloud, tmp_path / "absent" / "file"):
        pass


def test_exports_quote_what_a_shell_would_read(tmp_path: Path) -> None:
    """Secrets Manager may put any punctuation into a key."""
    cloud = Mock(operator={"AWS_REGION": "eu-west-1"}, url="u", key="a'b $c;d", queue="q", dead_letters="d")
    with exported(cloud, tmp_path / "exports.sh"):
        assert (tmp_path / "exports.sh").stat().st_mode & 0o077 == 0
        shell = ["sh", "-euc", f'. {tmp_path}/exports.sh && printf %s "$KEY"']
        assert subprocess.run(shell, capture_output=True, text=True, check=True).stdout == "a'b $c;d"


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
    """Both raise the exception of SIGINT, on which every cloud ends its processes, and which comes once."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    end_like_interrupted()
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.raise_signal(signal.SIGINT)  # a second one, while everything is being ended
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@pytest.mark.parametrize("seconds", ["0", "61", "soon"])
def test_minute_out_of_range_is_refused(capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    """A minute must be long enough for a tick, and short enough to watch."""
    with pytest.raises(SystemExit):
        main(["run", "--minute", seconds])
    assert f"--minute: got '{seconds}', expected a number from 0.1 to 60" in capsys.readouterr().err


def test_environment_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Any of the values' environments can run here, and a typo is answered before an emulator starts."""
    with pytest.raises(SystemExit):
        main(["run", "--environment", "nowhere"])
    assert "--environment: environment: got 'nowhere', expected one of " in capsys.readouterr().err
