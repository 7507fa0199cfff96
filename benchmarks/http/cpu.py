"""CPU time of processes while a load runs: its own share of the machine must not be counted against the server."""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.5


class CpuLog:
    """The CPU seconds of process trees, sampled twice a second.

    Args:
        pids: the root of each tree, by its name.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._times: list[float] = []
        self._used: dict[str, list[float]] = {name: [] for name in pids}
        self._stopping = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sample during the block."""
        thread = threading.Thread(target=self._sample)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def between(self, name: str, began: float, ended: float) -> float:
        """CPU seconds of a tree between two times in seconds since 1970."""
        used = np.interp([began, ended], self._times, self._used[name])
        return float(used[1] - used[0])

    def _sample(self) -> None:
        ended = False
        while not ended:
            self._times.append(time.time())
            for name, pid in self._pids.items():
                # A process that has ended has used what it had.
                used = self._used[name]
                used.append(max(cpu_seconds(pid), used[-1] if used else 0.0))
            ended = self._stopping.wait(SAMPLE_SECONDS)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and of all that it started, those that have ended included."""
    stats = {int(path.name): stat for path in PROC.glob("[0-9]*") if (stat := _stat(path))}
    family = [pid]
    for parent in family:
        family += [child for child, stat in stats.items() if int(stat[1]) == parent]
    # In user and kernel mode, of its own and of its children that have ended: fields 14 to 17, of which 3 is the first here.
    return sum(sum(map(int, stats[member][11:15])) for member in family if member in stats) / TICKS


def _stat(process: Path) -> list[str]:
    """The fields of a process from its state on; none if it has ended."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
