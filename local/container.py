"""A container without a container engine: `runc`, with the limits of local/compose.yaml.

As in a task, the service is the first process and runs as an unprivileged user. The container's network has no route.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo.accuracy import word_error_rate
from demo.truth import load_calls
from local.errors import LocalError
from local.image import FOLDER, ROOT, Image, Store, run, tree_bytes
from service.settings import Settings

COMPOSE = ROOT / "local/compose.yaml"
PORT = Settings().port
START_SECONDS = 60
STOP_SECONDS = 60
CPU_PERIOD_MICROSECONDS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A started container; its output goes to `log`."""

    identity: str
    runc: tuple[str, ...]
    process: subprocess.Popen[bytes]
    log: Path

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as the service's user."""
        return subprocess.run(
            [*self.runc, "exec", self.identity, *command], capture_output=True, text=True, check=False
        )

    def curl(self, path: str, *options: str) -> str:
        """Send a request to the API from the container's network; the body of the answer.

        Raises:
            LocalError: the API does not answer, or answers with an error.
        """
        entered = ("nsenter", f"--net=/proc/{self._pid}/ns/net")
        return run(*entered, "curl", "--silent", "--show-error", "--fail", *options, f"http://127.0.0.1:{PORT}{path}")

    def wait_until_it_handles_signals(self) -> None:
        """Wait until the first process handles SIGTERM; the kernel drops the signal before."""

        def handled() -> bool:
            status = Path(f"/proc/{self._pid}/status").read_text()
            mask = int(status.partition("SigCgt:")[2].split()[0], 16)
            # At first the process is still runc.
            return "Name:\tpython" in status and bool((mask >> (signal.SIGTERM - 1)) & 1)

        self._wait("handling signals", handled)

    def wait_until_logged(self, text: str) -> None:
        """Wait until the log contains a text."""
        self._wait(f"logging {text}", lambda: text in self.log.read_text())

    def wait_until_ready(self) -> None:
        """Wait until the API accepts calls."""
        self._wait("ready", lambda: self.curl("/readyz") != "")

    def stop(self) -> int:
        """Send SIGTERM to the first process only, as an engine does; the container's exit code."""
        run(*self.runc, "kill", self.identity, "TERM")
        return self.process.wait(STOP_SECONDS)

    @property
    def _pid(self) -> int:
        pid: int = json.loads(run(*self.runc, "state", self.identity))["pid"]
        return pid

    def _wait(self, state: str, reached: Callable[[], bool]) -> None:
        """Wait for a state; raise `LocalError` if the container ends, or does not reach it in time."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise LocalError(f"the container ended with {self.process.returncode}: {self._last_words()}")
            with contextlib.suppress(LocalError):
                if reached():
                    return
            time.sleep(0.05)
        raise LocalError(f"the container was not {state} within {START_SECONDS} s: {self._last_words()}")

    def _last_words(self) -> str:
        return (self.log.read_text().splitlines() or ["it logged nothing"])[-1]


@contextlib.contextmanager
def running(
    image: Image,
    *,
    folder: Path = FOLDER,
    service: str = "api",
    environ: Mapping[str, str] | None = None,
    mounts: Mapping[Path, str] | None = None,
) -> Iterator[Container]:
    """Run a service of the compose file in an image, until the end of the block.

    Args:
        image: that the service runs in.
        folder: for its files.
        service: name in the compose file.
        environ: variables in addition to the image's.
        mounts: files and folders of this machine, each with its path in the container; read-only.
    """
    runc = ("runc", "--root", str(folder / "run/runc"))
    identity = f"whisper-{uuid.uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        bundle, log = Path(scratch), Path(scratch) / "log"
        run("runc", "spec", "--bundle", scratch)
        spec = json.loads((bundle / "config.json").read_text())
        _fill(spec, image=image, service=service, environ=environ or {})
        for path in image.config["Volumes"]:
            volume = bundle / f"volume{path.replace('/', '-')}"
            _copy_empty(image.root / path.lstrip("/"), volume)
            spec["mounts"].append(_bind(volume, path, "rw"))
        spec["mounts"] += [_bind(source, target, "ro") for source, target in (mounts or {}).items()]
        (bundle / "config.json").write_text(json.dumps(spec))
        with (
            log.open("w") as output,
            subprocess.Popen(
                [*runc, "run", "--bundle", scratch, identity],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                yield Container(identity=identity, runc=runc, process=process, log=log)
            finally:
                subprocess.run([*runc, "delete", "--force", identity], capture_output=True, check=False)
                process.kill()


def _fill(spec: dict[str, Any], *, image: Image, service: str, environ: Mapping[str, str]) -> None:
    """Turn runc's example specification into the service's: the image's configuration, and the compose file's limits."""
    composed = yaml.safe_load(COMPOSE.read_text())["services"][service]
    user, _, group = composed["user"].partition(":")
    spec["root"] = {"path": str(image.root), "readonly": composed["read_only"]}
    spec["hostname"] = "whisper"
    spec["process"] |= {
        "terminal": False,
        "user": {"uid": int(user), "gid": int(group)},
        "args": [*image.config["Entrypoint"], *composed["command"]],
        "env": [*image.config["Env"], *(f"{name}={value}" for name, value in environ.items())],
        "cwd": image.config["WorkingDir"],
        "noNewPrivileges": "no-new-privileges:true" in composed["security_opt"],
        "rlimits": [],
    }
    if composed["cap_drop"] == ["ALL"]:
        spec["process"]["capabilities"] = {}
    spec["linux"]["resources"] = {
        "cpu": {"quota": int(composed["cpus"] * CPU_PERIOD_MICROSECONDS), "period": CPU_PERIOD_MICROSECONDS},
        "memory": {"limit": int(composed["mem_limit"].removesuffix("g")) << 30},
    }


def _copy_empty(original: Path, volume: Path) -> None:
    """Make a volume with the owner and mode of the image's folder."""
    volume.mkdir()
    facts = original.stat()
    os.chown(volume, facts.st_uid, facts.st_gid)
    shutil.copymode(original, volume)


def _bind(source: Path, target: str, access: str) -> dict[str, Any]:
    return {
        "destination": target,
        "type": "bind",
        "source": str(source),
        "options": ["bind", access, "nosuid", "nodev"],
    }


def report(store: Store, image: Image) -> None:
    """Start the API in an image, send the sample calls, stop it, and print sizes and times.

    Raises:
        LocalError: it does not start, answer or end as expected.
    """
    megabytes = round(tree_bytes(image.root) / 1e6), round(store.packed_bytes(image) / 1e6)
    print("size      {} MB; compressed, as a registry stores and a task pulls it, {} MB".format(*megabytes))
    started = time.monotonic()
    with running(image, folder=store.folder) as container:
        container.wait_until_ready()
        print(f"ready     {time.monotonic() - started:.1f} s after the start, without network access")
        for name, call in load_calls().items():
            answer = json.loads(container.curl("/transcribe", "--form", f"audio_file=@{call.path}"))
            rate = word_error_rate((call, answer["transcription"]))
            print(f"call      {name:<16} {answer['metadata']['duration']:5.1f} s, word error rate {rate:.1%}")
        if container.exec("python", "-m", "service", "health").returncode != 0:
            raise LocalError("the health check fails, though the container transcribes")
        asked = time.monotonic()
        code = container.stop()
        print(f"stop      {time.monotonic() - asked:.1f} s after SIGTERM, with exit code {code}")
    if code != 0:
        raise LocalError(f"the container ended with {code}, expected 0")
