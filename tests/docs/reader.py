"""A reader who pastes the blocks of a page, in order, into one shell in a fresh clone."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import BinaryIO

from local.emulator import free_port
from tests.docs.blocks import ROOT, Block

# The port that the pages name. The tests take a free one in its place.
PORT = "8000"
# Takes the same port, and then prints how to use it.
CLOUD, CLOUD_READY = "make run", "Ctrl-C ends everything"
# Files from which make installs.
LOCKS = ("service/requirements.txt", "requirements-dev.txt", "package-lock.json", ".npmrc")
QUICK_SECONDS = 150  # on a busy machine
SLOW_SECONDS = 1200
# Longer than a task may take to stop.
STOP_SECONDS = 150


class Unreadable(AssertionError):
    """A block that contradicts its page."""


@dataclass(kw_only=True)
class Reader:
    """A shell in `folder`, whose variables stay from block to block, and the server that it started last."""

    folder: Path
    settings: Mapping[str, str]
    port: int = field(default_factory=lambda: free_port(0))
    server: subprocess.Popen[bytes] | None = None

    def run(self, block: Block) -> str:
        """Paste a block and wait for its end; a server's is that it answers.

        Returns:
            its output, without that of a server.

        Raises:
            Unreadable: it ends with an error, or not in time.
        """
        if "server" in block.words:
            self._serve(block)
            return ""
        seconds = SLOW_SECONDS if block.slow else QUICK_SECONDS
        with self._start(block, output=subprocess.PIPE) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                raise Unreadable(f"{block.place} does not end within {seconds} s: {error.output!r}") from None
        printed = output.decode()
        if bool(process.returncode) != ("fails" in block.words):
            raise Unreadable(f"{block.place} ends with {process.returncode}:\n{block.text}\n{printed}")
        return printed

    def stop(self) -> None:
        """Press Ctrl-C in the terminal of the server, and wait for its end."""
        server, self.server = self.server, None
        if not server or server.poll() is not None:
            return
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            raise Unreadable(f"{server.args!r} does not end on Ctrl-C") from None

    def _serve(self, block: Block) -> None:
        self.stop()
        log = self.folder / "build" / "server.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("wb") as output:
            self.server = self._start(block, output=output)
        until = time.monotonic() + (SLOW_SECONDS if block.slow else QUICK_SECONDS)
        while not (self._answers() and (CLOUD not in block.text or CLOUD_READY in log.read_text())):
            if self.server.poll() is not None or time.monotonic() > until:
                raise Unreadable(f"{block.place} serves nothing:\n{log.read_text()}")
            time.sleep(0.1)

    def _start(self, block: Block, *, output: int | BinaryIO) -> subprocess.Popen[bytes]:
        text = block.text.replace(f"127.0.0.1:{PORT}", f"127.0.0.1:{self.port}")
        text = text.replace(CLOUD, f"{CLOUD} ARGS='--port {self.port}'")
        kept = self.folder / "build" / "variables"
        # `set -a` keeps every variable for the next block, as one shell would.
        script = f"test ! -e {kept} || . {kept}\nset -eua\n{text}\ndeclare -px > {kept}"
        return subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environ(),
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C and a time limit end its children, too.
            start_new_session=True,
        )

    def _environ(self) -> dict[str, str]:
        own = ("AWS_", "WHISPER_", "MAKE", "MFLAGS", "PYTEST_", "VIRTUAL_ENV", "CDK_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return {**inherited, "WHISPER_PORT": str(self.port), **self.settings}

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


@contextmanager
def reader(folder: Path, *, settings: Mapping[str, str]) -> Iterator[Reader]:
    """A reader whose server ends with the page."""
    (folder / "build").mkdir(exist_ok=True)
    reading = Reader(folder=folder, settings=settings)
    try:
        yield reading
    finally:
        reading.stop()


def clone(folder: Path) -> Path:
    """A copy of the repository as it is, with one commit, and with the packages of `make install`."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        source, copy = ROOT / name, folder / name
        if source.exists():  # not deleted since the last commit
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    for name in (".venv", "node_modules"):
        (folder / name).symlink_to(ROOT / name)
    for name in LOCKS:
        # Older than the packages, so that make never installs into the tests' own environment.
        os.utime(folder / name, (0, 0))
    author = ["-c", "user.name=Reader", "-c", "user.email=reader@example.invalid", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "Clone"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder
