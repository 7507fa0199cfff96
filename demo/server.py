"""A real server process on a free port, for the demo and for end-to-end tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

ROOT = Path(__file__).parent.parent
START_SECONDS = 60
STOP_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running `python -m service api`, and the file that holds its log until it is stopped."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def stop(self) -> int:
        """Ask it to drain; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def running_server(*, model: str, **environ: str) -> Iterator[Server]:
    """Start the service with a model and wait until it is ready; it is killed at the end of the block."""
    port = _free_port()
    own = {"WHISPER_MODEL": model, "WHISPER_HOST": "127.0.0.1", "WHISPER_PORT": str(port)}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WHISPER_")}
    # Its log goes to a file: a pipe without a reader would fill up and block it.
    log = ROOT / "build" / f"server-{port}.log"
    log.parent.mkdir(exist_ok=True)
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "service", "api"],
            cwd=ROOT,
            env=inherited | own | environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        server = Server(process=process, url=f"http://127.0.0.1:{port}", log=log)
        try:
            _wait_until_ready(server, log)
            yield server
        finally:
            process.kill()
            log.unlink()


def _wait_until_ready(server: Server, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError(f"the server ended with {server.process.returncode}:\n{log.read_text()}")
        try:
            if httpx2.get(f"{server.url}/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise TimeoutError(f"the server was not ready within {START_SECONDS} s:\n{log.read_text()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
