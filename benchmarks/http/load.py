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

from locust import FastHttpUser, User, constant, events, task
from urllib3 import encode_multipart_formdata

FOLDER = Path(os.environ["AUDIO"])
ROUTE = "/v1/audio/transcriptions"
# Above the service's deadline, and above the patience of OpenAI's client.
TIMEOUT_SECONDS = 630
# Of a slow upload: a few bytes a second, of a recording that is said to be large.
SLOW_BYTES, SLOW_SECONDS, SLOW_LENGTH = 10, 1.0, 1_000_000
BOUNDARY = "a-part-begins-here"
HEADERS = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
OUTPUT = Path(os.environ["RESULTS"]).open("w")  # noqa: SIM115 -- open as long as Locust runs
SEED = 16
CHANCE = random.Random(SEED)


def form(path: Path) -> bytes:
    """A recording in OpenAI's form; made once, because load and server share the CPUs."""
    fields: dict[str, str | tuple[str, bytes]] = {"file": ("call.wav", path.read_bytes()), "model": "whisper-1"}
    body: bytes = encode_multipart_formdata(fields, boundary=BOUNDARY)[0]
    return body


CLIPS = [form(path) for path in sorted(FOLDER.glob("clip-*.wav"))]
LONG = form(FOLDER / "long.wav")


@events.quitting.add_listener
def _close(**_: object) -> None:
    OUTPUT.close()


@contextmanager
def noted(kind: str) -> Iterator[dict[str, float]]:
    """Write how the request in the block ended; status 0 is no answer, also if the load ended before."""
    facts: dict[str, float] = {"status": 0}
    began = time.time()
    try:
        yield facts
    finally:
        OUTPUT.write(json.dumps({"kind": kind, "began": began, "seconds": time.time() - began, **facts}) + "\n")
        OUTPUT.flush()


class Client(FastHttpUser):
    """A client that takes little CPU time."""

    abstract = True
    connection_timeout = network_timeout = TIMEOUT_SECONDS


class Caller(Client):
    """A caller that sends a recording with OpenAI's form, and waits for its transcript."""

    abstract = True
    kind = ""

    def transcribe(self, content: bytes, **known: float) -> dict[str, float]:
        """Send a form with a recording; `known` facts are noted, too."""
        with noted(self.kind) as facts:
            facts.update(known)
            answer = self.client.post(ROUTE, data=content, headers=HEADERS)
            facts["status"] = answer.status_code
            if told := (answer.headers or {}).get("retry-after"):
                facts["retry_after"] = int(told)
        return facts


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
    """Open loop: each sends one clip and never another, so that Locust's spawn rate is the rate of arrival.

    Whoever is refused comes again when it is told to, with the same clip, as OpenAI's client does.
    """

    wait_time = constant(1_000_000)
    kind = "arrival"

    @task
    def clip(self) -> None:
        """A clip of ten seconds."""
        content, came, told = CHANCE.choice(CLIPS), time.time(), 0.0
        while (facts := self.transcribe(content, came=came, told=told)).get("retry_after") is not None:
            told = told or facts["retry_after"]
            time.sleep(facts["retry_after"])


class Probes(Client):
    """Asks for the health check ten times a second."""

    fixed_count = int(os.environ.get("PROBES", "0"))
    wait_time = constant(0.1)

    @task
    def health(self) -> None:
        """The health check."""
        with noted("health") as facts:
            facts["status"] = self.client.get(os.environ["HEALTH"]).status_code


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
