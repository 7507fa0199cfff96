"""The memory of this process and its children while something runs, looked at several times a second."""

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

INTERVAL_SECONDS = 0.1
KIB = 1024


class MemoryWatch:
    """Knows the most memory that was seen at once; a context manager that watches."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident, _family(os.getpid()))))
            if self._done.wait(INTERVAL_SECONDS):
                return


def seconds_since_start() -> float:
    """How long ago this process began."""
    # The name before the brackets may contain anything; the start is the 20th field after it, in ticks since boot.
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        for file in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, file.read_text().split())
            except OSError:
                continue
    return found


def _resident(pid: int) -> int:
    """Bytes of a process that are not of a file, which the kernel can read again; 0 for one that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines())
    return sum(KIB * int(line[1]) for line in lines if line[:1] in (["RssAnon:"], ["RssShmem:"]))
