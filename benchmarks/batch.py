"""Time to drain a backlog with one worker and with two, compared with the engine alone: `make bench-batch`.

Each worker and each engine has one thread and, like a task, a CPU of its own: unpinned, one worker would use both CPUs
for its decoder, and two could not be twice as fast. A round measures each configuration once, so that a busy machine
slows all of them down; the medians of the rounds are printed with the goals. The backlog is one sample call under many
keys: as all calls are alike, no worker is left with a long one at the end. The plan's simulator drains the same backlog with
the time that the engine alone takes for a call.
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

from local.cloud import Cloud, running_cloud
from local.processes import Process, end_like_interrupted
from local.results import count_transcribed, count_writes, transcripts
from service.engine.engine import Engine
from service.recording import SAMPLE_RATE, Recording, decode
from service.settings import Settings, variable
from stacks.capacity.simulation import drain

CALL = Path(__file__).parent.parent / "demo" / "calls" / "voicemail.wav"
SETTINGS = Settings(threads=1)
KILLED_SHARE = 0.05
MEMORY_CALL_SECONDS = 5
THROUGHPUT_GOAL, SCALING_GOAL, GROWTH_GOAL = 0.95, 1.9, 0.02
# How far the simulated drain may be from the measured one, as a share of it.
SIMULATION_GOAL = 0.1
LOOK_SECONDS = 0.5
SEED = 6
MIB = 1 << 20
CPUS = os.sched_getaffinity(0)

ENGINE, ENGINES = "engine alone", "two engines alone"
ONE, TWO, KILLED = "one worker", "two workers", "two workers, some killed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One drained backlog: seconds, CPU seconds, peak memory of a process, and CPU seconds of the emulator."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    emulator_seconds: float = 0.0


@dataclass(kw_only=True)
class Figures:
    """Runs by the name of the configuration."""

    runs: dict[str, list[Run]] = field(default_factory=dict)

    def add(self, name: str, run: Run) -> None:
        """Add a run and print its time, as the benchmark takes minutes."""
        self.runs.setdefault(name, []).append(run)
        print(f"  {name:<34} {run.seconds:7.2f} s", flush=True)

    def seconds(self, name: str) -> float:
        """Median of a configuration's times."""
        return statistics.median(run.seconds for run in self.runs[name])


def engines(count: int, calls: int) -> Run:
    """Transcribe decoded calls with one process per engine; each takes an equal share, one call after the other."""
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


def _decoded() -> Recording:
    with CALL.open("rb") as file:
        return decode(file, settings=SETTINGS)


class Backlog:
    """Calls under a prefix of their own, and their transcripts."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloud, self._name = cloud, name
        self._uploaded = 0
        self.began = 0.0

    def upload(self, calls: int, content: bytes) -> None:
        """Start the clock and upload calls."""
        self.began = time.time()
        for _ in range(calls):
            self._uploaded += 1
            key = f"{self._name}/{self._uploaded}.wav"
            self._cloud.s3.put_object(Bucket=self._cloud.recordings, Key=key, Body=content)

    def done(self) -> list[float]:
        """The time at which each transcript was written, in seconds since the upload; sorted."""
        written = transcripts(self._cloud.s3, self._cloud.transcripts, recordings=f"{self._name}/")
        return sorted(entry["LastModified"].timestamp() - self.began for entry in written)

    def drain(self) -> Iterator[int]:
        """The number of transcripts, repeatedly, until every call has one and the queue is empty."""
        while (done := len(self.done())) < self._uploaded or self._cloud.messages() != (0, 0):
            yield done
            _tend(self._cloud)
            time.sleep(LOOK_SECONDS)


def workers(cloud: Cloud, count: int, calls: int, *, name: str, kills: Sequence[int] = ()) -> tuple[Run, float]:
    """Drain a backlog with workers that are already running; at each number of transcripts in `kills`, kill one.

    Returns:
        The run, and the seconds from the start of the first worker to its first transcript.
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
    """Growth of a worker's memory over many short calls, from the second fifth of them to the last.

    Returns:
        The growth of the median as a share, and the peaks in both fifths in bytes.
    """
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as short:
        short.setnchannels(1)
        short.setsampwidth(2)
        short.setframerate(SAMPLE_RATE)
        short.writeframes(_decoded().samples[0, : MEMORY_CALL_SECONDS * SAMPLE_RATE].tobytes())
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
    """Kill a worker that is transcribing; whether there was one."""
    busy = [process for process in processes if process.protected]
    if busy:
        chance.choice(busy).kill()
    return bool(busy)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--calls", type=_even, default=24, help="calls in a backlog, an even number (default: 24)")
    parser.add_argument("--rounds", type=_count, default=3, help="measurements of each configuration (default: 3)")
    parser.add_argument(
        "--memory", type=_count, metavar="CALLS", help="also measure the memory of a worker over this many short calls"
    )
    asked = parser.parse_args(arguments)
    calls: int = asked.calls
    end_like_interrupted()
    chance = random.Random(SEED)
    figures, wakes = Figures(), list[float]()
    one_thread = {variable("threads"): str(SETTINGS.threads)}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_cloud(Path(folder), minute_seconds=60, say=lambda *_: None, overrides=one_thread) as cloud,
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
        _, (*_, tally) = cloud.jobs("reconcile")
        transcribed = count_transcribed(tally)
        twice = count_writes(cloud.s3, cloud.transcripts) - transcribed - tally["failed"]
    _print(figures, calls=calls, kills=len(kills))
    print(f"\nFrom the start of a worker to its first transcript: {statistics.median(wakes):.1f} s (median).\n")
    alone, one, two = (figures.seconds(name) for name in (ENGINE, ONE, TWO))
    _verdict("throughput of a worker ÷ the engine alone", alone / one, THROUGHPUT_GOAL)
    _verdict("throughput of two workers ÷ one", one / two, SCALING_GOAL)
    print(f"  {'two engines ÷ one: the limit of this machine':<58} {alone / figures.seconds(ENGINES):8.3f}")
    for name, alone_name, count in ((ONE, ENGINE, 1), (TWO, ENGINES, 2)):
        each = figures.seconds(alone_name) * count / calls
        simulated = drain(calls=calls, seconds_per_call=each, workers=count).drain_seconds
        measured = figures.seconds(name)
        figure = f"{name}: {measured:.1f} s, simulated {simulated:.1f} s; 1 - distance"
        _verdict(figure, 1 - abs(simulated / measured - 1), 1 - SIMULATION_GOAL)
    uploads = transcribed + tally["failed"] + tally["running"] + tally["unaccounted"]
    _verdict("calls with exactly one transcript ÷ calls", (transcribed - twice) / uploads, 1.0)
    if grown:
        growing, (warm, last) = grown
        _verdict(f"memory over {asked.memory} calls: 1 - growth", 1 - growing, 1 - GROWTH_GOAL)
        print(
            f"  {warm / MIB:.0f} MiB at most in the second fifth of the calls, {last / MIB:.0f} MiB in the last fifth"
        )


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


def _verdict(figure: str, found: float, goal: float) -> None:
    print(f"  {figure:<58} {found:8.3f}   goal {goal:g} or more: {'met' if found >= goal else 'missed'}")


def _tend(cloud: Cloud) -> None:
    """Start and stop workers to reach the wanted number; each has a CPU of its own."""
    before = {process.pid for process in cloud.fleet.service.tasks}
    cloud.fleet.service.tend()
    for number, process in enumerate(cloud.fleet.service.tasks):
        # At its start it has one thread; later ones inherit its CPU.
        if process.pid not in before:
            _pin(process.pid, number)


def _pin(pid: int, number: int) -> None:
    cpus = sorted(CPUS)
    # Libraries start threads on import.
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


def _resident_bytes(pid: int, name: str = "VmRSS") -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:  # it has been killed
        return 0
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith(name)), 0)


def _peak_bytes(pid: int) -> int:
    return _resident_bytes(pid, "VmHWM")


def _emulator_seconds(cloud: Cloud) -> float:
    """CPU seconds of the emulator so far."""
    return _cpu_of({cloud.emulator.pid})


def _cpu_seconds(processes: Sequence[Process]) -> float:
    """CPU seconds of some tasks so far, with their decoders."""
    return _cpu_of({process.pid for process in processes})


def _cpu_of(groups: set[int]) -> float:
    """CPU seconds of all processes in some process groups, and of their ended children."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            facts = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(facts[2]) in groups:
            ticks += sum(map(int, facts[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("benchmarks.batch: interrupted; nothing is left running")
