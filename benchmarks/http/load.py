"""Locust's users: callers with clips and long calls, slow uploads, and a probe of the health check.

`benchmarks.http` runs this file in the benchmark's own environment, with how many of each it needs. Each request becomes a
line of JSON in the file `RESULTS`: its kind, its status, when it began and how many seconds it took.
"""

import json
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from locust import HttpUser, User, constant, events, task

FOLDER = Path(os.environ["AUDIO"])
CLIPS = [path.read_bytes() for path in sorted(FOLDER.glob("clip-*.wav"))]
LONG = (FOLDER / "long.wav").read_bytes()
ROUTE = "/v1/audio/transcriptions"
# Above the service's deadline, and above the patience of OpenAI's client.
TIMEOUT_SECONDS = 630
# Of a slow upload: a few bytes a second, of a recording that is said to be large.
SLOW_BYTES, SLOW_SECONDS, SLOW_LENGTH = 10, 1.0, 1_000_000
OUTPUT = Path(os.environ["RESULTS"]).open("w")  # noqa: SIM115 -- open as long as Locust runs
SEED = 16
CHANCE = random.Random(SEED)


@events.quitting.add_listener
def _close(**_: object) -> None:
    OUTPUT.close()


@contextmanager
def noted(kind: str) -> Iterator[dict[str, int]]:
    """Write how the request in the block ended; status 0 is no answer, also if the load ended before."""
    facts, began = {"status": 0}, time.time()
    try:
        yield facts
    finally:
        OUTPUT.write(json.dumps({"kind": kind, "began": began, "seconds": time.time() - began, **facts}) + "\n")
        OUTPUT.flush()


class Caller(HttpUser):
    """A caller that sends a recording with OpenAI's form, and waits for its transcript."""

    abstract = True
    kind = ""

    def transcribe(self, content: bytes) -> None:
        """Send a recording."""
        with noted(self.kind) as facts:
            answer = self.client.post(
                ROUTE, files={"file": ("call.wav", content)}, data={"model": "whisper-1"}, timeout=TIMEOUT_SECONDS
            )
            facts["status"] = answer.status_code
            if "retry-after" in answer.headers:
                facts["retry_after"] = int(answer.headers["retry-after"])


class Clips(Caller):
    """Closed loop: the next clip follows the answer; whoever is refused comes again after a second."""

    fixed_count = int(os.environ.get("CLIPS", "0"))
    wait_time = constant(0)
    kind = "clip"

    @task
    def clip(self) -> None:
        """A clip of ten seconds."""
        self.transcribe(CHANCE.choice(CLIPS))


class LongCalls(Caller):
    """Closed loop: a long call after the other."""

    fixed_count = int(os.environ.get("LONG_CALLS", "0"))
    wait_time = constant(0)
    kind = "long call"

    @task
    def call(self) -> None:
        """A call of ten minutes."""
        self.transcribe(LONG)


class Arrivals(Caller):
    """Open loop: each sends one clip and never another, so that Locust's spawn rate is the rate of arrival."""

    wait_time = constant(1_000_000)
    kind = "arrival"

    @task
    def clip(self) -> None:
        """A clip of ten seconds."""
        self.transcribe(CHANCE.choice(CLIPS))


class Probes(HttpUser):
    """Asks for the health check ten times a second."""

    fixed_count = int(os.environ.get("PROBES", "0"))
    wait_time = constant(0.1)

    @task
    def health(self) -> None:
        """The health check."""
        with noted("health") as facts:
            facts["status"] = self.client.get(os.environ["HEALTH"], timeout=TIMEOUT_SECONDS).status_code


class SlowUploads(User):
    """Begins an upload from an address of its own, sends a few bytes a second, and begins again when it is refused."""

    fixed_count = int(os.environ.get("SLOW_UPLOADS", "0"))
    wait_time = constant(0)
    numbers = iter(range(1, 250))

    def on_start(self) -> None:
        """Take an address."""
        self.address = f"127.0.1.{next(self.numbers)}"

    @task
    def upload(self) -> None:
        """An upload without an end."""
        target = urlsplit(self.host)
        head = (
            f"POST {ROUTE} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            f"Content-Length: {SLOW_LENGTH}\r\n\r\n--x\r\n"
            'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        )
        with (
            noted("slow upload") as facts,
            socket.create_connection((target.hostname, target.port), source_address=(self.address, 0)) as connection,
        ):
            connection.sendall(head.encode())
            connection.settimeout(SLOW_SECONDS)
            while True:
                try:
                    answer = connection.recv(1000)
                except TimeoutError:
                    connection.sendall(bytes(SLOW_BYTES))
                    continue
                break
            facts["status"] = int(answer.split()[1]) if answer else 0
