"""Workers from outside: started, asked, watched for memory, and ended."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self, cast

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "build" / "bench"
PROJECT, PEERS = sys.executable, str(ROOT / "build" / "bench-venv" / "bin" / "python")
SAMPLE_SECONDS = 0.1


class PeerFailed(Exception):
    """An engine that cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """An engine with one choice of settings. `level` names the processor that it sees; empty for the machine's own."""

    name: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    python: str = PROJECT
    level: str = ""
    mixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One pass over some calls: wall and CPU seconds, the highest memory so far, and the engine's own results."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    found: list[dict[str, Any]]


class Worker:
    """A running engine; a context manager that ends it."""

    def __init__(self, contestant: Contestant, *, threads: int, library: Path | None = None) -> None:
        self.contestant = contestant
        specification = {
            "module": contestant.module,
            "options": contestant.options | ({"mixed": True} if contestant.mixed else {}),
            "level": contestant.level,
            "library": str(library),
            "threads": threads,
        }
        self._log = FOLDER / "logs" / f"{_file_name(contestant)}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [contestant.python, "-m", "benchmarks.speed.worker", json.dumps(specification)],
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._requests, self._answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        self._peak = 0

    def __enter__(self) -> Self:
        try:
            self._read()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._answers.close()
        with suppress(BrokenPipeError):
            self._requests.close()
        self._process.wait()

    def ask(self, calls: Sequence[Path]) -> Answer:
        """Let the engine work on some calls.

        Raises:
            PeerFailed: the engine ended with an error.
        """
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done,))
        watch.start()
        try:
            self._requests.write(json.dumps([str(path) for path in calls]) + "\n")
            self._requests.flush()
            answer = self._read()
        except BrokenPipeError:
            raise PeerFailed(self._last_line()) from None
        finally:
            done.set()
            watch.join()
        return Answer(
            seconds=answer["seconds"],
            cpu_seconds=answer["cpu_seconds"],
            peak_bytes=self._peak,
            found=answer["found"],
        )

    def _read(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            self._process.wait()
            raise PeerFailed(self._last_line())
        found: dict[str, Any] = json.loads(line)
        return found

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines() or [f"exit {self._process.returncode}"]
        return lines[-1][:200]

    def _watch(self, done: threading.Event) -> None:
        """The highest memory: of the process alone from the kernel, of it with its children by sampling."""
        while not done.wait(SAMPLE_SECONDS):
            self._note_memory()
        self._note_memory()

    def _note_memory(self) -> None:
        family = _family(self._process.pid)
        resident = sum(_memory(pid, "VmRSS") for pid in family)
        self._peak = max(self._peak, resident, _memory(self._process.pid, "VmHWM"))


def _file_name(contestant: Contestant) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in f"{contestant.name} {contestant.level}".strip())


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            continue
        found += map(int, children)
    return found


def _memory(pid: int, name: str) -> int:
    """Bytes of a line of `/proc/PID/status`; 0 for a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith(name)), 0)
