"""A worker with fakes for the queue, the buckets, the engine and the agent."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

from service import telemetry
from service.batch.events import Message, ReceiptGone, Upload, announcement
from service.batch.ports import Answer, Verdict
from service.batch.publication import Publication
from service.batch.worker import Worker
from service.engine.engine import Progress
from service.recording import SAMPLE_RATE, Recording
from service.settings import Settings
from service.transcript import Transcript
from tests.service.cloud import until

UPLOAD = Upload(bucket="in", key="secret name.wav", etag="e1", size=3, sequencer="01", time="2026-01-31T12:00:00Z")
TRANSCRIPT = Transcript(language="en", language_probability=1.0, duration=1.0, channels=1, segments=())


@dataclass
class Queue:
    """A queue with one message, which records what becomes of it."""

    receives: int = 1
    body: str = announcement(UPLOAD)
    gone: bool = False
    hidden: list[int] = field(default_factory=list)
    deleted: bool = False
    received: bool = False

    def receive(self, *, wait_seconds: int) -> Message | None:
        """Receive the message once, then none."""
        threading.Event().wait(0.01 * wait_seconds)
        if self.received:
            return None
        self.received = True
        return Message(identity="m1", receipt="r1", body=self.body, receives=self.receives, sent=0.0)

    def hide(self, message: Message, *, seconds: int) -> None:  # noqa: ARG002 - as the protocol says
        """Record the seconds."""
        if self.gone:
            raise ReceiptGone
        self.hidden.append(seconds)

    def delete(self, message: Message) -> None:  # noqa: ARG002 - as the protocol says
        """Record the deletion."""
        self.deleted = True


class Bucket(dict[str, bytes]):
    """Objects by key; a download yields three bytes or raises `fault`."""

    fault: Exception | None = None
    metadata: Mapping[str, str] = MappingProxyType({})

    def download(
        self, key: str, *, version_id: str, etag: str, to: BinaryIO, limit: int, progress: Callable[[], None]
    ) -> Mapping[str, str]:
        """Write three bytes."""
        del key, version_id, etag, limit
        if self.fault:
            raise self.fault
        to.write(b"abc")
        progress()
        return self.metadata

    def read(self, key: str) -> tuple[bytes, str] | None:
        """Read an object."""
        return (self[key], "tag") if key in self else None

    def write(self, key: str, body: bytes, *, content_type: str, over: str = "") -> bool:
        """Create an object, or replace one."""
        del content_type
        if key in self and not over:
            return False
        self[key] = body
        return True

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object."""
        del content_type
        self[key] = body

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.pop(key, None)


@dataclass
class Agent:
    """Records how long the task was to be protected; answers once `answering` is set."""

    answering: threading.Event = field(default_factory=threading.Event)
    asked: list[int] = field(default_factory=list)

    def protect(self, *, minutes: int) -> Answer:
        """Wait for `answering`."""
        self.asked.append(minutes)
        self.answering.wait(30)
        return Answer(verdict=Verdict.GRANTED)


class Engine:
    """Runs a function of the test instead of a model."""

    encoder = "fake"

    def __init__(self, hear: Callable[[Progress], None] = lambda progress: progress(1.0)) -> None:
        self._hear = hear

    def transcribe(self, recording: Recording, *, progress: Progress) -> Transcript:
        """Return a transcript without segments."""
        del recording
        self._hear(progress)
        return TRANSCRIPT


@dataclass
class Bench:
    """A worker and everything that it depends on."""

    queue: Queue = field(default_factory=Queue)
    recordings: Bucket = field(default_factory=Bucket)
    transcripts: Bucket = field(default_factory=Bucket)
    engine: Engine = field(default_factory=Engine)
    metrics: StringIO = field(default_factory=StringIO)
    stopping: threading.Event = field(default_factory=threading.Event)
    agent: Agent | None = None
    settings: Settings = field(default_factory=lambda: Settings(lanes=1))
    decoded: list[str] = field(default_factory=list)

    def worker(self) -> Worker:
        """A worker of this bench."""

        def decode(source: BinaryIO, *, name: str = "") -> Recording:
            del source
            self.decoded.append(name)
            return Recording(samples=np.zeros((1, SAMPLE_RATE), np.int16), missing_seconds=0.0, gaps=())

        return Worker(
            queue=self.queue,
            publication=Publication(
                engine=self.engine,
                decode=decode,
                recordings=self.recordings,
                transcripts=self.transcripts,
                meter=telemetry.Meter(environment="test", service="worker", stream=self.metrics),
                settings=self.settings,
            ),
            agent=self.agent,
            settings=self.settings,
        )

    def run_until(self, true: Callable[[], bool], worker: Worker | None = None) -> int:
        """Work until a condition holds, then stop; returns the exit code."""
        codes: list[int] = []
        own = worker or self.worker()
        thread = threading.Thread(target=lambda: codes.append(own.run(self.stopping)))
        thread.start()
        try:
            until(true)
        finally:
            self.stopping.set()
            thread.join(10)
        return codes[0]


def lines(log: StringIO, message: str) -> list[dict[str, Any]]:
    """The log lines with a message."""
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == message]
