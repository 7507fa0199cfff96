"""Scenarios of load, each run by Locust against one server, and their figures."""

import json
import math
import os
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2

from benchmarks.http.cpu import CpuLog
from benchmarks.http.samples import CLIP_SECONDS, LONG_SECONDS
from benchmarks.http.servers import BUILD, PEER_PYTHON, ROOT, Server, Start

LOAD = Path(__file__).parent / "load.py"
AUDIO = BUILD / "audio"
# Beyond the end of arrivals, their callers have this long to get their answers; other callers hang up.
STOP_SECONDS = 300
# Callers at once that keep the service's turns and a queue behind them busy.
SATURATING = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as Locust saw it.

    Attributes:
        kind: clip, long call, arrival, slow upload or health.
        status: 0 is no answer.
        began: seconds since 1970.
        seconds: until the answer.
        retry_after: the header; None without it.
        came: when the caller sent the same clip for the first time; None unless it comes again.
        told: the seconds that it was told to wait when it was refused for the first time; 0 if it was not.
    """

    kind: str
    status: int
    began: float
    seconds: float
    retry_after: int | None = None
    came: float | None = None
    told: float = 0.0

    @property
    def ended(self) -> float:
        """When it was answered."""
        return self.began + self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The requests of a scenario, the CPU seconds of the server and of Locust in its time, and the server's greatest memory."""

    requests: tuple[Request, ...]
    began: float
    ended: float
    server_cpu: float = 0.0
    load_cpu: float = 0.0
    peak_mib: float = 0.0

    def seconds(self, kind: str) -> list[float]:
        """The times of the requests of a kind, in order: until the answer, or for as long as the caller has waited for one."""
        return sorted(each.seconds for each in self.requests if each.kind == kind and each.status in {0, 200})

    def statuses(self, kind: str) -> Counter[int]:
        """How many requests of a kind were answered with each status."""
        return Counter(each.status for each in self.requests if each.kind == kind)

    @property
    def audio_per_second(self) -> float:
        """Seconds of audio that were transcribed in a second, by the answers that came within the load's time."""
        lengths = {"clip": CLIP_SECONDS, "arrival": CLIP_SECONDS, "long call": LONG_SECONDS}
        answered = [each for each in self.requests if each.status == 200 and each.ended <= self.ended]
        return sum(lengths.get(each.kind, 0) for each in answered) / (self.ended - self.began)

    def drained(self, kind: str) -> float:
        """How long after the end of the load the last request of a kind was answered, in seconds."""
        ends = [each.ended for each in self.requests if each.kind == kind]
        return max(0.0, max(ends, default=self.ended) - self.ended)

    @property
    def patience(self) -> "Patience":
        """How the arrivals fared that were refused and came again as they were told."""
        attempts: dict[float, list[Request]] = {}
        for each in sorted(self.requests, key=lambda each: each.began):
            if each.came is not None:
                attempts.setdefault(each.came, []).append(each)
        refused = [several for several in attempts.values() if several[0].retry_after is not None]
        at_once = [several for several in refused if len(several) > 1 and several[1].retry_after is None]
        accepted = [several for several in refused if several[-1].status == 200]
        late = sorted(several[-1].began - several[0].ended - several[-1].told for several in accepted)
        return Patience(arrivals=len(attempts), refused=len(refused), in_at_first_return=len(at_once), late=late)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Callers that come again when they are told to.

    Attributes:
        arrivals: all callers.
        refused: those that were refused when they came.
        in_at_first_return: those of them whose next attempt was accepted.
        late: how much later than they were told each of them came in at last, in seconds, in order.
    """

    arrivals: int = 0
    refused: int = 0
    in_at_first_return: int = 0
    late: Sequence[float] = ()


def quantile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of them does not exceed; not a number if there are none."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def run(start: Start, *, seconds: int, rate: float = 0.0, **users: int) -> Load:
    """Put a load on a server that has just started.

    Args:
        start: starts the server.
        seconds: how long.
        rate: arrivals a second (open loop); otherwise a fixed number of users, each with its next request after the last.
        users: how many, by the variable that `load.py` reads.
    """
    with start() as server:
        first_call(server)
        load = _load(server, seconds=seconds, rate=rate, users=users)
        return replace(load, peak_mib=server.peak_mib)


def _load(server: Server, *, seconds: int, rate: float, users: Mapping[str, int]) -> Load:
    results = BUILD / "results.jsonl"
    kinds = {"clips": "Clips", "long_calls": "LongCalls", "probes": "Probes", "slow_uploads": "SlowUploads"}
    classes = [kinds[name] for name in users] + (["Arrivals"] if rate else [])
    arrivals = round(rate * seconds)
    total = sum(users.values()) + arrivals
    command = [str(PEER_PYTHON), "-m", "locust", "-f", str(LOAD), *classes, "--headless", "--only-summary"]
    command += ["--host", server.url, "--users", str(total), "--spawn-rate", str(rate or total)]
    command += ["--run-time", f"{seconds}s", "--stop-timeout", str(STOP_SECONDS * bool(rate)), "--loglevel", "WARNING"]
    environ = {name.upper(): str(count) for name, count in users.items()}
    environ |= {"AUDIO": str(AUDIO), "RESULTS": str(results), "HEALTH": server.health}
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as locust:
        used = CpuLog({"server": server.pid, "load": locust.pid})
        with used.running():
            said, _ = locust.communicate()
    requests = tuple(Request(**json.loads(line)) for line in results.read_text().splitlines())
    if not requests:
        raise RuntimeError(f"Locust made no request:\n{said}")
    # Locust itself takes seconds to start.
    first = min(each.began for each in requests)
    last = first + seconds
    cpu = {f"{name}_cpu": used.between(name, first, last) for name in ("server", "load")}
    return Load(requests=requests, began=first, ended=last, **cpu)


def first_call(server: Server) -> None:
    """Let a server load all that it loads at its first call."""
    content = (AUDIO / "clip-00.wav").read_bytes()
    answer = httpx2.post(
        f"{server.url}/v1/audio/transcriptions",
        files={"file": ("call.wav", content)},
        data={"model": "whisper-1"},
        timeout=STOP_SECONDS,
    )
    answer.raise_for_status()
