"""Interleaved rounds: every engine lives in its own process, and each round asks all of them, beginning with another."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.speed import hidden, preparation
from benchmarks.speed.cells import Cell, Results
from benchmarks.speed.hidden import CannotHide
from benchmarks.speed.processes import FOLDER, Contestant, PeerFailed, Worker
from benchmarks.speed.samples import SAMPLE_RATE

WARM_UP_SECONDS = 30


@dataclass(kw_only=True)
class Rounds:
    """Runs contestants on calls and collects the cells; with `only`, those of sections that contain one of these names."""

    results: Results
    threads: int
    deadline: float = float("inf")
    only: Sequence[str] = ()
    _library: Path | None = field(default=None, init=False)

    def run(
        self, section: str, contestants: Sequence[Contestant], calls: Sequence[str], *, rounds: int, first: int = 0
    ) -> None:
        """Ask all contestants in each round, until the rounds are done or the next would pass the deadline."""
        if not self._wanted(section):
            return
        with ExitStack() as stack:
            running = [(one, worker) for one in contestants if (worker := self._start(section, one, calls, stack))]
            longest = 0.0
            for number in range(first, first + rounds):
                began = time.monotonic()
                if number > first and began + longest > self.deadline:
                    print(f"  {section}: no time for round {number + 1}", file=sys.stderr)
                    return
                for contestant, worker in _rotated(running, number):
                    self._pass(section, contestant, worker, calls, number)
                longest = max(longest, time.monotonic() - began)

    def each(self, section: str, contestants: Sequence[Contestant], calls: Sequence[str]) -> None:
        """Ask one contestant after the other, once, so that only one is in memory."""
        for contestant in contestants:
            self.run(section, [contestant], calls, rounds=1)

    def _start(self, section: str, contestant: Contestant, calls: Sequence[str], stack: ExitStack) -> Worker | None:
        try:
            library = self._hiding() if contestant.level else None
            worker = stack.enter_context(Worker(contestant, threads=self.threads, library=library))
            if calls:
                worker.ask([_warm_up(preparation.path(calls[0]))])
        except (PeerFailed, CannotHide, OSError) as error:
            self.leave_out(section, contestant, 0, str(error))
            return None
        return worker

    def _pass(self, section: str, contestant: Contestant, worker: Worker, calls: Sequence[str], number: int) -> None:
        try:
            answer = worker.ask([preparation.path(name) for name in calls])
        except PeerFailed as error:
            self.leave_out(section, contestant, number, str(error))
            return
        cell = Cell(
            section=section,
            contestant=contestant.name,
            level=contestant.level,
            round=number,
            mixed=contestant.mixed,
            calls=tuple(calls),
            call_seconds=sum(preparation.seconds(name) for name in calls),
            seconds=answer.seconds,
            cpu_seconds=answer.cpu_seconds,
            peak_bytes=answer.peak_bytes,
            found=answer.found,
        )
        speed = f"{cell.speed:6.1f} x" if calls else ""
        print(
            f"  {section}, round {number + 1}: {contestant.name} {contestant.level} {speed}",
            file=sys.stderr,
            flush=True,
        )
        self.results.add(cell)

    def leave_out(self, section: str, contestant: Contestant, number: int, why: str) -> None:
        """Note why an engine has no result."""
        if not self._wanted(section):
            return
        print(f"  {section}: {contestant.name} {contestant.level} is left out: {why}", file=sys.stderr, flush=True)
        name, level = contestant.name, contestant.level
        self.results.add(Cell(section=section, contestant=name, level=level, round=number, failure=why))

    def _wanted(self, section: str) -> bool:
        return not self.only or any(name in section for name in self.only)

    def _hiding(self) -> Path:
        self._library = self._library or hidden.build(FOLDER)
        return self._library


def _warm_up(path: Path) -> Path:
    """The beginning of a call, in which every engine loads its code and fills its caches."""
    short = path.with_name(f"{path.stem}-start.npy")
    if not short.exists():
        np.save(short, np.load(path, mmap_mode="r")[:, : WARM_UP_SECONDS * SAMPLE_RATE])
    return short


def _rotated(running: Sequence[tuple[Contestant, Worker]], number: int) -> Iterator[tuple[Contestant, Worker]]:
    first = number % max(1, len(running))
    yield from [*running[first:], *running[:first]]
