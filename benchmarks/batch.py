"""How fast a backlog is drained, by one worker and by two, beside the engine alone: `make bench-batch`.

Every part gets one thread, and a CPU of its own as a task has: unpinned, one worker would borrow the second's for its
decoder, and two could not be twice as fast. A round measures each of them once, one after the other,
so that a busy machine slows all of them down; medians of the rounds are printed with the goals. The backlog is one
sample call under many keys: where all calls are alike, no worker is left with a long one at the end.
"""

import argparse
import io
import os
import random
import statistics
import sys
import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from local import emulator
from local.cloud import Cloud, running_cloud
from local.processes import Process, end_like_interrupted
from local.reconcile import reconcile
from service.engine.engine import Engine
from service.recording import audio
from service.settings import Settings, variable

CALL = Path(__file__).parent.parent / "demo" / "calls" / "voicemail.wav"
SETTINGS = Settings(threads=1)
KILLED_SHARE = 0.05
MEMORY_CALL_SECONDS = 5
THROUGHPUT_GOAL, SCALING_GOAL, GROWTH_GOAL = 0.95, 1.9, 0.02
LOOK_SECONDS = 0.5
SEED = 6
MIB = 1 << 20
CPUS = os.sched_getaffinity(0)

ENGINE, ENGINES = "engine alone", "two engines alone"
ONE, TWO, KILLED = "one worker", "two workers", "two workers, some killed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One drained backlog: seconds, CPU seconds, most memory of a process, and CPU seconds of the emulator meanwhile."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    emulator_seconds: float = 0.0


@dataclass(kw_only=True)
class Figures:
    """Runs by what was measured."""

    runs: dict[str, list[Run]] = field(default_factory=dict)

    def add(self, name: str, run: Run) -> None:
        """Keep a run, and say how long it took: a benchmark of minutes is silent for long."""
        self.runs.setdefault(name, []).append(run)
        print(f"  {name:<34} {run.seconds:7.2f} s", flush=True)

    def seconds(self, name: str) -> float:
        """Median time."""
        return statistics.median(run.seconds for run in self.runs[name])


def engines(count: int, calls: int) -> Run:
    """Transcribe decoded calls in as many processes as there are engines, each its share, one call after the other."""
    context = get_context("spawn")
    ours, theirs = zip(*(context.Pipe() for _ in range(count)), strict=True)
    processes = [
        context.Process(target=_engine, args=(calls // count, pipe, number)) for number, pipe in enumerate(theirs)
    ]
    for process in processes:
        process.start()
    try:
        for pipe in ours:
            pipe.recv()  # ready
        began = time.monotonic()
        for pipe in ours:
            pipe.send("go")
        cpu, peaks = zip(*(pipe.recv() for pipe in ours), strict=True)
        return Run(seconds=time.monotonic() - began, cpu_seconds=sum(cpu), peak_bytes=max(peaks))
    finally:
        for process in processes:
            process.kill()
            process.join()


def _engine(calls: int, pipe: Connection, number: int) -> None:
    _pin(os.getpid(), number)
    loaded, recording = Engine.load(SETTINGS), _decoded()
    loaded.transcribe(recording)
    pipe.send("ready")
    pipe.recv()
    began = time.process_time()
    for _ in range(calls):
        loaded.transcribe(recording)
    pipe.send((time.process_time() - began, _peak_bytes(os.getpid())))


def _decoded() -> audio.Recording:
    return audio.decode(CALL, settings=SETTINGS)


class Backlog:
    """Calls under a prefix of their own, and how far the workers are with them."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloud, self._name = cloud, name
        self._uploaded = 0
        self.began = 0.0

    def upload(self, calls: int, content: bytes) -> None:
        """Put calls into the bucket; the clock begins."""
        self.began = time.time()
        for _ in range(calls):
            self._uploaded += 1
            key = f"{self._name}/{self._uploaded}.wav"
            self._cloud.s3.put_object(Bucket=self._cloud.recordings, Key=key, Body=content)

    def done(self) -> list[float]:
        """When each transcript was written, in seconds since the upload."""
        pages = self._cloud.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._cloud.transcripts, Prefix=f"transcripts/{self._name}/"
        )
        written = [entry for page in pages for entry in page.get("Contents", ()) if _is_result(entry["Key"])]
        return sorted(entry["LastModified"].timestamp() - self.began for entry in written)

    def drain(self) -> Iterator[int]:
        """How many transcripts there are, again and again until all are, and the queue is empty."""
        while (done := len(self.done())) < self._uploaded or self._cloud.messages() != (0, 0):
            yield done
            _tend(self._cloud)
            time.sleep(LOOK_SECONDS)


def workers(cloud: Cloud, count: int, calls: int, *, name: str, kills: Sequence[int] = ()) -> tuple[Run, float]:
    """Drain a backlog by some workers that run already; one is killed when so many transcripts are there.

    Returns:
        The run, and how long the first of the workers took from its start to its first transcript.
    """
    content, service = CALL.read_bytes(), cloud.fleet.service
    first = Backlog(cloud, f"{name}-first")
    first.upload(1, content)
    service.wanted = 1
    started = time.time()
    for _ in first.drain():
        pass
    wake = first.done()[0] + first.began - started
    service.wanted = count
    _tend(cloud)
    while not all('"ready"' in process.log.read_text() for process in service.tasks):
        time.sleep(0.1)
    backlog, due, chance = Backlog(cloud, name), sorted(kills), random.Random(SEED)
    emulated, before = _emulator_seconds(cloud), _cpu_seconds(service.tasks)
    backlog.upload(calls, content)
    peak, spent = 0, 0.0
    for done in backlog.drain():
        peak = max([peak, *(_peak_bytes(process.pid) for process in service.tasks)])
        spent = _cpu_seconds(service.tasks) - before
        if due and done >= due[0] and _kill_one(service.staying, chance):
            due.pop(0)
    emulated = _emulator_seconds(cloud) - emulated
    run = Run(seconds=backlog.done()[-1], cpu_seconds=spent, peak_bytes=peak, emulator_seconds=emulated)
    _dismiss(cloud)
    return run, wake


def growth(cloud: Cloud, calls: int) -> tuple[float, list[int]]:
    """How much more memory a worker takes in the last fifth of many short calls than in the second one.

    Returns:
        The growth, and the most that it took in either.
    """
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as short:
        short.setnchannels(1)
        short.setsampwidth(2)
        short.setframerate(audio.SAMPLE_RATE)
        short.writeframes(_decoded().samples[0, : MEMORY_CALL_SECONDS * audio.SAMPLE_RATE].tobytes())
    service, backlog = cloud.fleet.service, Backlog(cloud, "memory")
    service.wanted = 1
    backlog.upload(calls, buffer.getvalue())
    samples: list[tuple[int, int]] = []
    for done in backlog.drain():
        samples += [(done, _resident_bytes(process.pid)) for process in service.tasks]
    _dismiss(cloud)
    fifth = calls // 5
    warm = [taken for done, taken in samples if fifth <= done < 2 * fifth]
    last = [taken for done, taken in samples if done >= calls - fifth]
    return statistics.median(last) / statistics.median(warm) - 1, [max(warm), max(last)]


def _kill_one(processes: Sequence[Process], chance: random.Random) -> bool:
    """Kill one that is at work; whether there was one."""
    busy = [process for process in processes if process.protected]
    if busy:
        chance.choice(busy).kill()
    return bool(busy)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--calls", type=_even, default=24, help="in a backlog, an even number (default: 24)")
    parser.add_argument("--rounds", type=_count, default=3, help="how often each is measured (default: 3)")
    parser.add_argument(
        "--memory", type=_count, metavar="CALLS", help="let a worker transcribe so many short calls, too"
    )
    asked = parser.parse_args(arguments)
    calls: int = asked.calls
    end_like_interrupted()
    chance = random.Random(SEED)
    figures, wakes = Figures(), list[float]()
    one_thread = {variable("threads"): str(SETTINGS.threads)}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_cloud(Path(folder), minute_seconds=60, say=lambda *_: None, workers=one_thread) as cloud,
    ):
        for number in range(asked.rounds):
            figures.add(ENGINE, engines(1, calls))
            run, wake = workers(cloud, 1, calls, name=f"one-{number}")
            figures.add(ONE, run)
            wakes.append(wake)
            figures.add(ENGINES, engines(2, calls))
            run, wake = workers(cloud, 2, calls, name=f"two-{number}")
            figures.add(TWO, run)
            wakes.append(wake)
        kills = chance.sample(range(calls), max(1, round(KILLED_SHARE * calls)))
        figures.add(KILLED, workers(cloud, 2, calls, name="killed", kills=kills)[0])
        grown = growth(cloud, asked.memory) if asked.memory else None
        accounts = reconcile(cloud.s3, recordings=cloud.recordings, transcripts=cloud.transcripts)
    _print(figures, calls=calls, kills=len(kills))
    once = sum(account.outcome == "transcript" and account.results == 1 for account in accounts)
    print(f"\nFrom the start of a worker to its first transcript: {statistics.median(wakes):.1f} s (median).\n")
    alone, one, two = (figures.seconds(name) for name in (ENGINE, ONE, TWO))
    _verdict("throughput of a worker ÷ the engine alone", alone / one, THROUGHPUT_GOAL)
    _verdict("throughput of two workers ÷ one", one / two, SCALING_GOAL)
    print(f"  {'of two engines ÷ one, which is what the machine gives':<58} {alone / figures.seconds(ENGINES):8.3f}")
    _verdict("calls with exactly one transcript ÷ calls", once / len(accounts), 1.0)
    if grown:
        growing, (warm, last) = grown
        _verdict(f"memory over {asked.memory} calls: 1 - growth", 1 - growing, 1 - GROWTH_GOAL)
        print(f"  {warm / MIB:.0f} MiB at most in the second fifth of the calls, {last / MIB:.0f} MiB in the last")


def _print(figures: Figures, *, calls: int, kills: int) -> None:
    heard = calls * _decoded().duration
    rounds = len(figures.runs[ENGINE])
    print(f"\n{calls} calls, {heard:.0f} s of audio, one thread each; medians of {rounds} rounds; {kills} kills.\n")
    print(
        f"  {'':34} {'seconds':>8} {'fastest':>8} {'slowest':>8} {'x real time':>12} {'CPU s':>8} {'peak MiB':>9} {'emulator CPU s':>15}"
    )
    for name, runs in figures.runs.items():
        times = [run.seconds for run in runs]
        cpu, emulated = (
            statistics.median(c) for c in zip(*((r.cpu_seconds, r.emulator_seconds) for r in runs), strict=True)
        )
        peak = max(run.peak_bytes for run in runs) / MIB
        print(
            f"  {name:<34} {statistics.median(times):8.2f} {min(times):8.2f} {max(times):8.2f}"
            f" {heard / statistics.median(times):12.1f} {cpu:8.2f} {peak:9.0f} {emulated:15.2f}"
        )


def _verdict(what: str, found: float, goal: float) -> None:
    print(f"  {what:<58} {found:8.3f}   goal {goal:g} or more: {'met' if found >= goal else 'missed'}")


def _tend(cloud: Cloud) -> None:
    """Start and stop what is due; each task has a CPU that no other has."""
    before = {process.pid for process in cloud.fleet.service.tasks}
    cloud.fleet.service.tend()
    for number, process in enumerate(cloud.fleet.service.tasks):
        # At its start it has one thread, which the others inherit from.
        if process.pid not in before:
            _pin(process.pid, number)


def _pin(pid: int, number: int) -> None:
    cpus = sorted(CPUS)
    # Libraries start threads as they are imported.
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cpus[number % len(cpus)]})


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1 to 1000")
    return int(text)


def _even(text: str) -> int:
    if (number := _count(text)) % 2:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected an even number: two engines share the calls")
    return number


def _dismiss(cloud: Cloud) -> None:
    service = cloud.fleet.service
    service.wanted = 0
    while service.tasks:
        service.tend()
        time.sleep(0.1)


def _is_result(key: str) -> bool:
    return key.endswith(".json") and not key.endswith("/latest.json")


def _resident_bytes(pid: int, name: str = "VmRSS") -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:  # it was killed meanwhile
        return 0
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith(name)), 0)


def _peak_bytes(pid: int) -> int:
    return _resident_bytes(pid, "VmHWM")


def _emulator_seconds(cloud: Cloud) -> float:
    """CPU time that the emulator took so far."""
    running = emulator.find(cloud.folder)
    assert running  # noqa: S101 -- it runs as long as its cloud
    return _cpu_of({running.pid})


def _cpu_seconds(processes: Sequence[Process]) -> float:
    """CPU time that some tasks took so far, decoders and all."""
    return _cpu_of({process.pid for process in processes})


def _cpu_of(groups: set[int]) -> float:
    """CPU time of all processes of some groups, and of those that they waited for."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            facts = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(facts[2]) in groups:
            ticks += sum(map(int, facts[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("benchmarks.batch: interrupted; nothing is left running")
