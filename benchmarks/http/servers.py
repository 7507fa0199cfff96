"""The servers under load: the service, and a public server of faster-whisper with the same model and threads."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from service.settings import PREFIX, Settings, variable

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "bench-http"
PEER_PYTHON = ROOT / "build" / "bench-http-venv" / "bin" / "python"
OURS, PEER = "whisper-fargate", "faster-whisper-server"
START_SECONDS = 120
# The peer takes a file, in which its options are those of faster-whisper that the service's own correspond to.
PEER_CONFIG = """\
batch_size: {batch_size}
model_options: {{device: cpu, compute_type: int8, cpu_threads: {threads}}}
models:
  - name: whisper-1
    path: {model}
    transcribe_options: {{beam_size: {beam_size}, vad_filter: true}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server.

    Attributes:
        name: for people.
        url: its address.
        health: the path of its health check.
        pid: of its process.
    """

    name: str
    url: str
    health: str
    pid: int

    @property
    def peak_mib(self) -> float:
        """The most memory that its process has had resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(kib) / 1024


# Each scenario starts a server of its own: some work on for minutes on calls whose callers have left.
Start = Callable[[], AbstractContextManager[Server]]


@contextmanager
def service(settings: Settings) -> Iterator[Server]:
    """The service, with settings."""
    port = _free_port()
    own = {**settings.to_environ(), variable("port"): str(port)}
    command = [sys.executable, "-m", "service", "api"]
    with _running(OURS, command, own, port=port, health="/healthz") as server:
        yield server


@contextmanager
def peer(settings: Settings, *, folder: Path) -> Iterator[Server]:
    """The peer, with the model in a folder."""
    port = _free_port()
    config = BUILD / "peer.yaml"
    config.write_text(
        PEER_CONFIG.format(
            batch_size=settings.batch_size, threads=settings.threads, model=folder, beam_size=settings.beam_size
        )
    )
    command = [str(PEER_PYTHON), "-m", "faster_whisper_server", "--config", str(config), "--port", str(port)]
    command += ["--host", "127.0.0.1"]
    with _running(PEER, command, {}, port=port, health="/health") as server:
        yield server


@contextmanager
def _running(
    name: str, command: Sequence[str], environ: Mapping[str, str], *, port: int, health: str
) -> Iterator[Server]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    log = BUILD / f"{name}.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=ROOT, env=inherited | dict(environ), stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        server = Server(name=name, url=f"http://127.0.0.1:{port}", health=health, pid=process.pid)
        try:
            _wait(server, process, log)
            yield server
        finally:
            process.kill()


def _wait(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{server.name} ended with {process.returncode}:\n{log.read_text()}")
        try:
            if httpx2.get(server.url + server.health).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise TimeoutError(f"{server.name} did not answer within {START_SECONDS} s:\n{log.read_text()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
