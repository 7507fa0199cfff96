"""The AWS emulator: one `ministack` process on the loopback interface, found again through the files in its folder.

    emulator.json   process id and port
    emulator.log    its output; the process holds a lock on this file as long as it lives
    tmp/            its temporary files

Everything deployed to it is in its memory, and is lost when it ends.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from local.errors import LocalError

HOST = "127.0.0.1"
# The emulator takes an access key of twelve digits as the account id; no real access key looks like that.
ACCOUNT = "000000000000"
# Of links to objects it checks the signature, with this secret.
SECRET = "test"  # noqa: S105 -- the one that the emulator accepts
START_SECONDS = 30
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """An emulator that was started, with its files in `folder`, an absolute path; it may have ended since."""

    folder: Path
    pid: int
    port: int

    @property
    def url(self) -> str:
        """Endpoint of every AWS service."""
        return f"http://{HOST}:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The variables that direct an AWS client to the emulator."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": SECRET}

    def environ(self) -> dict[str, str]:
        """A process environment in which AWS clients can reach the emulator only."""
        # No variable, profile or instance role of a real account may slip in, and no proxy may come between.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
        elsewhere = {
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": HOST,
            "no_proxy": HOST,
        }
        return inherited | elsewhere | self.credentials

    def answers(self) -> bool:
        """Whether it takes requests."""
        connection = HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/_ministack/ready")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def start(folder: Path, *, port: int = 0) -> Emulator:
    """Start an emulator in `folder`, an absolute path, and wait until it answers; if one runs there, return that one.

    Raises:
        LocalError: `port` is taken (0 takes a free one), or the emulator does not start.
    """
    if running := find(folder):
        if port not in (0, running.port):
            raise LocalError(
                f"port: got '{port}', expected {running.port}, the port of the emulator that runs in {folder}"
            )
        return running
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    emulator = _spawn(folder, port=free_port(port))
    try:
        (folder / "emulator.json").write_text(json.dumps({"pid": emulator.pid, "port": emulator.port}))
        _wait_until_it_answers(emulator)
    except BaseException:
        _end(emulator)
        raise
    return emulator


def find(folder: Path) -> Emulator | None:
    """The emulator that runs in `folder`; None if none does."""
    if not _alive(folder):
        return None
    return Emulator(folder=folder, **json.loads((folder / "emulator.json").read_text()))


def stop(folder: Path) -> bool:
    """Stop the emulator that runs in `folder`, with all its children; False if none runs."""
    emulator = find(folder)
    if emulator is None:
        return False
    _end(emulator)
    return True


def _spawn(folder: Path, *, port: int) -> Emulator:
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "TMPDIR": str(folder / "tmp"),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # its IoT server would listen on every interface
    }
    with (folder / "emulator.log").open("ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        log.truncate(0)
        # Not a Popen, which would warn that the process outlives it. The process inherits the lock with its output, and
        # has a process group of its own, so that its children end with it.
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "ministack"],
            environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, log.fileno(), 2),
            ],
            setpgroup=0,
        )
    return Emulator(folder=folder, pid=pid, port=port)


def _end(emulator: Emulator) -> None:
    # It stores nothing, so it needs no clean end; on SIGTERM it would wait for its open requests.
    with contextlib.suppress(ProcessLookupError):  # it did not start
        os.killpg(emulator.pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # another process started it
        os.waitpid(emulator.pid, 0)
    if not _wait_for(lambda: not _alive(emulator.folder), seconds=STOP_SECONDS):
        raise LocalError(f"the emulator's process {emulator.pid} does not end")
    (emulator.folder / "emulator.json").unlink(missing_ok=True)
    shutil.rmtree(emulator.folder / "tmp")


def _wait_until_it_answers(emulator: Emulator) -> None:
    _wait_for(lambda: emulator.answers() or not _alive(emulator.folder), seconds=START_SECONDS)
    if not emulator.answers():
        raise LocalError(f"the emulator did not start on port {emulator.port}; {emulator.folder}/emulator.log says why")


def _alive(folder: Path) -> bool:
    """Whether a process holds the lock on the log. A process id could be another program's by now; a lock cannot."""
    try:
        with (folder / "emulator.log").open("rb") as log:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def free_port(wanted: int) -> int:
    """A free port of the loopback interface: `wanted`, or any for 0.

    Raises:
        LocalError: the wanted port is taken.
    """
    try:
        with socket.create_server((HOST, wanted)) as listener:
            port: int = listener.getsockname()[1]
    except OSError:
        raise LocalError(f"port: got '{wanted}', expected a port of {HOST} that is free (0 takes any)") from None
    return port


def _wait_for(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
