import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import emulator
from local.__main__ import main
from local.emulator import Emulator
from local.errors import LocalError


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder without an emulator after the test, even if it fails."""
    yield tmp_path
    emulator.stop(tmp_path)


@pytest.fixture
def started(folder: Path) -> Emulator:
    """An emulator of the test's own, on a port of its own."""
    return emulator.start(folder)


def test_emulator_answers_on_loopback_only(started: Emulator) -> None:
    """It has no access control, so it must not accept requests from a network."""
    assert started.answers()
    # If it listened on every interface, it would answer at every address of this machine.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", started.port), timeout=5)


def test_emulator_start_again_finds_the_running_one(started: Emulator) -> None:
    """Two emulators in one folder would share their files."""
    assert emulator.start(started.folder) == started


def test_emulator_start_again_on_another_port_is_refused(started: Emulator, folder: Path) -> None:
    """A running emulator keeps its port."""
    with pytest.raises(LocalError, match=rf"port: got '1', expected {started.port}"):
        emulator.start(folder, port=1)


def test_emulator_start_on_taken_port_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the port in one line, and nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            main(["--folder", str(folder), "start", "--port", str(port)])
    assert ended.value.code == f"local: port: got '{port}', expected a port of 127.0.0.1 that is free (0 takes any)"
    assert emulator.find(folder) is None
    assert not capsys.readouterr().out


def test_emulator_port_out_of_range_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the port before anything is started."""
    with pytest.raises(SystemExit):
        main(["--folder", str(folder), "start", "--port", "65536"])
    assert "--port: got '65536', expected a whole number from 0 to 65535" in capsys.readouterr().err


def test_emulator_stop_ends_the_process_and_its_files(started: Emulator) -> None:
    """After a stop no process and no temporary file is left."""
    assert emulator.stop(started.folder)
    with pytest.raises(ProcessLookupError):
        os.killpg(started.pid, 0)
    assert not started.answers()
    assert [path.name for path in started.folder.iterdir()] == ["emulator.log"]


def test_emulator_stop_is_idempotent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is no error if no emulator runs."""
    main(["--folder", str(folder), "stop"])
    main(["--folder", str(folder), "stop"])
    assert capsys.readouterr().out == "No emulator was running.\n" * 2


def test_emulator_that_does_not_start_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the log, and no process is left."""
    broken = folder / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(broken))
    with pytest.raises(LocalError, match=r"did not start on port \d+; .*emulator.log says why"):
        emulator.start(folder)
    assert emulator.find(folder) is None


def test_environ_hides_real_accounts(started: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's profile, session or proxy cannot lead a client to a real account."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "CDK_DEFAULT_ACCOUNT"):
        monkeypatch.setenv(name, "real")
    environ = started.environ()
    assert "real" not in environ.values()
    assert environ["AWS_ENDPOINT_URL"] == started.url
