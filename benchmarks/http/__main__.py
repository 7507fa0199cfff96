"""The service under load, beside the engine alone and a public server with the same model: `make bench-http`.

Locust, a load generator, sends the sample calls with OpenAI's form: in a closed loop (a caller sends the next call after the
last answer) and in an open one (calls arrive at a rate, whatever becomes of the others). Load and server share the machine.
"""

import argparse
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.http import samples
from benchmarks.http.report import Figures, middle, printed, write
from benchmarks.http.scenarios import AUDIO, SATURATING, Load, run
from benchmarks.http.servers import BUILD, OURS, PEER, Start, peer, service
from service import processor
from service.engine import weights
from service.engine.engine import Engine
from service.recording import Recording
from service.settings import Settings

SLOW_UPLOADS = 100
LONG_CALLS = 3
OVERLOAD = 2.0
# At twice the capacity a queue grows by a second each second: it is full after its limit, and then refuses for as long.
OVERLOAD_SECONDS = 2 * Settings().max_wait_seconds


def main(arguments: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each scenario (default: 60)")
    parser.add_argument("--rounds", type=int, default=3, help="of the engine alone and of saturation (default: 3)")
    parser.add_argument("--no-peer", action="store_true", help="measure the service only")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmark-http.md, too")
    options = parser.parse_args(arguments)
    BUILD.mkdir(parents=True, exist_ok=True)
    clips = samples.write(AUDIO)
    # All load comes from one address, which one caller's limits would refuse.
    settings = replace(Settings(), threads=processor.available_cpus(), requests_per_minute=0, max_client_requests=1_000)
    settings = replace(settings, max_requests=1_000)
    servers: dict[str, Start] = {OURS: lambda: service(settings)}
    if not options.no_peer:
        folder = weights.fetch(settings.model, release=False).folder
        servers[PEER] = lambda: peer(settings, folder=folder)
    alone, saturated = saturate(settings, servers, clips, seconds=options.seconds, rounds=options.rounds)
    columns = {"engine alone": alone}
    for name, start in servers.items():
        columns[name] = measure(name, start, saturated[name], seconds=options.seconds)
    table = printed(columns)
    print(table)
    if options.write:
        write(table)
    return 0


def saturate(
    settings: Settings, servers: Mapping[str, Start], clips: Sequence[Recording], *, seconds: int, rounds: int
) -> tuple[Figures, Mapping[str, Figures]]:
    """The engine alone and each server at saturation, in turn: what disturbs the machine for a while disturbs them all."""
    engine = Engine.load(settings)
    engine.transcribe(clips[0])
    alone: list[Figures] = []
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    for number in range(1, rounds + 1):
        say(f"engine alone, round {number} of {rounds}")
        alone.append(engine_alone(engine, clips, turns=settings.max_running, seconds=seconds))
        for name, start in servers.items():
            say(f"{name} at saturation, round {number} of {rounds}")
            loads[name].append(run(start, seconds=seconds, clips=SATURATING, probes=1))
    return middle(alone), {name: _saturated(found, seconds=seconds) for name, found in loads.items()}


def _saturated(loads: Sequence[Load], *, seconds: int) -> Figures:
    """The medians of the rounds, and the times of all their requests."""
    rates = [
        Figures(throughput=load.audio_per_second, cpu=load.server_cpu / seconds, load_cpu=load.load_cpu / seconds)
        for load in loads
    ]
    return replace(
        middle(rates),
        saturated_clip=sorted(time for load in loads for time in load.seconds("clip")),
        saturated_health=sorted(time for load in loads for time in load.seconds("health")),
        peak_mib=max(load.peak_mib for load in loads),
    )


def engine_alone(engine: Engine, clips: Sequence[Recording], *, turns: int, seconds: int) -> Figures:
    """The throughput of the engine without HTTP, with as many calls at once as the service runs, and its CPU time."""
    end, done, before = time.monotonic() + seconds, [], time.process_time()

    def work(number: int) -> None:
        while time.monotonic() < end:
            clip = clips[number % len(clips)]
            engine.transcribe(clip)
            if time.monotonic() < end:
                done.append(clip.duration)
            number += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(turns)]
    for thread in threads:
        thread.start()
    time.sleep(end - time.monotonic())
    used = time.process_time() - before
    for thread in threads:
        thread.join()
    return Figures(throughput=sum(done) / seconds, cpu=used / seconds)


def measure(name: str, start: Start, saturated: Figures, *, seconds: int) -> Figures:
    """The other scenarios on one server."""
    if not saturated.throughput:
        raise SystemExit(f"--seconds: got {seconds}, expected more: {name} answered no clip in that time")
    say(f"{name} beside long calls")
    mixed = run(start, seconds=seconds, clips=1, long_calls=LONG_CALLS, probes=1)
    say(f"{name} beside slow uploads")
    slow = run(start, seconds=seconds, clips=1, slow_uploads=SLOW_UPLOADS, probes=1)
    rate = OVERLOAD * saturated.throughput / samples.CLIP_SECONDS
    say(f"{name} at twice its capacity, for {OVERLOAD_SECONDS:.0f} s and until the last answer")
    overload = run(start, seconds=OVERLOAD_SECONDS, rate=rate, probes=1)
    return replace(
        saturated,
        mixed_clip=mixed.seconds("clip"),
        slow_clip=slow.seconds("clip"),
        slow_health=slow.seconds("health"),
        slow_statuses=slow.statuses("slow upload"),
        overload_rate=rate,
        overload_seconds=OVERLOAD_SECONDS,
        patience=overload.patience,
        overload_clip=overload.seconds("arrival"),
        overload_statuses=overload.statuses("arrival"),
        overload_health=overload.seconds("health"),
        retry_after=sorted(each.retry_after for each in overload.requests if each.retry_after is not None),
        drained=overload.drained("arrival"),
        peak_mib=max(load.peak_mib for load in (mixed, slow, overload, saturated)),
    )


def say(what: str) -> None:
    """Tell how far the benchmark is, on the standard error."""
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
