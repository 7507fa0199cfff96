"""A container run without an engine: `runc`, with the limits that local/compose.yaml gives the service.

It has a network of its own that leads nowhere, as first process the service itself, and the task's rights: nobody's.
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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.emulator import LocalError
from local.image import ROOT, Store, run

COMPOSE = ROOT / "local/compose.yaml"
PORT = 8000
START_SECONDS = 60
STOP_SECONDS = 60
CPU_PERIOD_MICROSECONDS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A started container; what it says goes to `log`."""

    identity: str
    runc: tuple[str, ...]
    process: subprocess.Popen[bytes]
    log: Path

    def exec(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, with the service's rights."""
        return subprocess.run([*self.runc, "exec", self.identity, *command], capture_output=True, text=True, check=False)

    def curl(self, path: str, *options: str) -> str:
        """Ask the API from inside the container's network.

        Raises:
            LocalError: it does not answer, or with an error.
        """
        entered = ("nsenter", f"--net=/proc/{self._pid}/ns/net")
        return run(*entered, "curl", "--silent", "--show-error", "--fail", *options, f"http://127.0.0.1:{PORT}{path}")

    def wait_until_ready(self) -> None:
        """Wait until the API takes calls.

        Raises:
            LocalError: it ended, or is not ready in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise LocalError(f"the container ended with {self.process.returncode}: {self._last_words()}")
            with contextlib.suppress(LocalError):
                self.curl("/readyz")
                return
            time.sleep(0.05)
        raise LocalError(f"the container was not ready within {START_SECONDS} s: {self._last_words()}")

    def stop(self) -> int:
        """Send SIGTERM as an engine does, to the first process alone; the container's exit code."""
        run(*self.runc, "kill", self.identity, "TERM")
        return self.process.wait(STOP_SECONDS)

    @property
    def _pid(self) -> int:
        pid: int = json.loads(run(*self.runc, "state", self.identity))["pid"]
        return pid

    def _last_words(self) -> str:
        return (self.log.read_text().splitlines() or ["it said nothing"])[-1]


@contextlib.contextmanager
def running(
    store: Store,
    image: str,
    *,
    service: str = "api",
    environ: Mapping[str, str] | None = None,
    mounts: Mapping[Path, str] | None = None,
) -> Iterator[Container]:
    """Run a service of the compose file in an image, and never leave it behind.

    Args:
        store: has the image.
        image: what the service runs in.
        service: name in the compose file.
        environ: variables beside the image's.
        mounts: files and folders of this machine and where they are read in the container.
    """
    facts = json.loads(store.ask("inspect", "--type", "image", image))["OCIv1"]["config"]
    composed = yaml.safe_load(COMPOSE.read_text())["services"][service]
    runc = ("runc", "--root", str(store.folder / "run/runc"))
    identity = f"whisper-{uuid.uuid4().hex[:12]}"
    with store.mounted(image) as root, tempfile.TemporaryDirectory(dir=store.folder) as scratch:
        bundle = Path(scratch)
        run("runc", "spec", "--bundle", scratch)
        spec = json.loads((bundle / "config.json").read_text())
        _fill(spec, root=root, facts=facts, composed=composed, environ=environ or {})
        for path in facts["Volumes"]:
            volume = bundle / f"volume{path.replace('/', '-')}"
            _copy_empty(root / path.lstrip("/"), volume)
            spec["mounts"].append(_bind(volume, path, "rw"))
        spec["mounts"] += [_bind(source, target, "ro") for source, target in (mounts or {}).items()]
        (bundle / "config.json").write_text(json.dumps(spec))
        log = bundle / "log"
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
                # It takes the container with it, wherever it stands.
                subprocess.run([*runc, "delete", "--force", identity], capture_output=True, check=False)
                process.send_signal(signal.SIGKILL)


def _fill(
    spec: dict[str, Any],
    *,
    root: Path,
    facts: Mapping[str, Any],
    composed: Mapping[str, Any],
    environ: Mapping[str, str],
) -> None:
    """Turn runc's own example into the service: what the image says, and what the compose file says about it."""
    user, _, group = composed["user"].partition(":")
    spec["root"] = {"path": str(root), "readonly": composed["read_only"]}
    spec["hostname"] = "whisper"
    spec["process"] |= {
        "terminal": False,
        "user": {"uid": int(user), "gid": int(group)},
        "args": [*facts["Entrypoint"], *composed["command"]],
        "env": [*facts["Env"], *(f"{name}={value}" for name, value in environ.items())],
        "cwd": facts["WorkingDir"],
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
    """A new volume takes owner and mode from the image's folder."""
    volume.mkdir()
    facts = original.stat()
    os.chown(volume, facts.st_uid, facts.st_gid)
    shutil.copymode(original, volume)


def _bind(source: Path, target: str, access: str) -> dict[str, Any]:
    return {"destination": target, "type": "bind", "source": str(source), "options": ["bind", access, "nosuid", "nodev"]}

