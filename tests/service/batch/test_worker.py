"""The worker's loop, with time, queue and engine in the test's hand."""

import errno
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from service import telemetry
from service.batch.events import Delivery, ReceiptGone, Upload, announcement
from service.batch.results import Places
from service.batch.worker import HUNG, Job, Worker
from service.engine.engine import Progress
from service.errors import RetryLater
from service.recording import SAMPLE_RATE, Recording
from service.settings import Settings
from service.transcript import Transcript
from tests.service.cloud import until

UPLOAD = Upload(bucket="in", key="secret name.wav", etag="e1", size=3, sequencer="01", time="2026-01-31T12:00:00Z")
TRANSCRIPT = Transcript(language="en", language_probability=1.0, duration=1.0, channels=1, segments=())


@dataclass
class Queue:
    """One message, and what became of it."""

    receives: int = 1
    body: str = announcement(UPLOAD)
    gone: bool = False
    hidden: list[int] = field(default_factory=list)
    deleted: bool = False
    received: bool = False

    def receive(self, *, wait_seconds: int) -> Delivery | None:
        """The message once, then none."""
        threading.Event().wait(0.01 * wait_seconds)
        if self.received:
            return None
        self.received = True
        return Delivery(identity="m1", receipt="r1", body=self.body, receives=self.receives, sent=0.0)

    def hide(self, delivery: Delivery, *, seconds: int) -> None:  # noqa: ARG002 - as the protocol says
        """Note for how long."""
        if self.gone:
            raise ReceiptGone
        self.hidden.append(seconds)

    def delete(self, delivery: Delivery) -> None:  # noqa: ARG002 - as the protocol says
        """Note it."""
        self.deleted = True


class Bucket(dict[str, bytes]):
    """Objects by key; a recording is three bytes, unless downloading it raises `fault`."""

    fault: Exception | None = None

    def download(
        self, key: str, *, version_id: str, etag: str, to: BinaryIO, limit: int, progress: Callable[[], None]
    ) -> None:
        """Three bytes."""
        del key, version_id, etag, limit
        if self.fault:
            raise self.fault
        to.write(b"abc")
        progress()

    def read(self, key: str) -> tuple[bytes, str] | None:
        """The object, with a tag."""
        return (self[key], "tag") if key in self else None

    def write(self, key: str, body: bytes, *, content_type: str, over: str = "") -> bool:
        """Write it where it may be."""
        del content_type
        if key in self and not over:
            return False
        self[key] = body
        return True

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write it."""
        del content_type
        self[key] = body

    def delete(self, key: str) -> None:
        """Forget it."""
        self.pop(key, None)


class Engine:
    """Does what a test wants in place of hearing."""

    def __init__(self, hear: Callable[[Progress], None] = lambda progress: progress(1.0)) -> None:
        self._hear = hear

    def transcribe(self, recording: Recording, *, progress: Progress) -> Transcript:
        """A second of nothing."""
        del recording
        self._hear(progress)
        return TRANSCRIPT


@dataclass
class Bench:
    """A worker with everything around it."""

    queue: Queue = field(default_factory=Queue)
    recordings: Bucket = field(default_factory=Bucket)
    transcripts: Bucket = field(default_factory=Bucket)
    engine: Engine = field(default_factory=Engine)
    stopping: threading.Event = field(default_factory=threading.Event)
    settings: Settings = field(default_factory=lambda: Settings(lanes=1))

    def worker(self) -> Worker:
        """The worker."""

        def decode(path: Path) -> Recording:
            del path
            return Recording(samples=np.zeros((1, SAMPLE_RATE), np.int16), missing_seconds=0.0, gaps=())

        return Worker(
            engine=self.engine,
            decode=decode,
            queue=self.queue,
            recordings=self.recordings,
            transcripts=self.transcripts,
            protection=None,
            meter=telemetry.Meter(environment="test", service="worker", stream=StringIO()),
            settings=self.settings,
        )

    def run_until(self, true: Callable[[], bool]) -> int:
        """Work until something is true, then stop; the exit code."""
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(self.worker().run(self.stopping)))
        thread.start()
        try:
            until(true)
        finally:
            self.stopping.set()
            thread.join(10)
        return codes[0]


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the worker logs."""
    stream = StringIO()
    telemetry.configure(stream)
    yield stream
    telemetry.configure()


def lines(log: StringIO, message: str) -> list[dict[str, Any]]:
    """The lines that say something."""
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == message]


def test_message_is_deleted_only_after_its_transcript_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens between the two, the call is not lost."""
    bench = Bench()
    order: list[str] = []
    write = bench.transcripts.write

    def saved(key: str, body: bytes, **rest: Any) -> bool:
        order.append(key)
        return write(key, body, **rest)

    monkeypatch.setattr(bench.transcripts, "write", saved)
    monkeypatch.setattr(bench.queue, "delete", lambda _: order.append("deleted"))
    bench.run_until(lambda: "deleted" in order)
    assert order[0] == Places(UPLOAD).transcript
    assert order[-1] == "deleted"


@pytest.mark.parametrize("receives", [1, 3, 8])
def test_message_that_has_to_wait_waits_longer_each_time(receives: int, log: StringIO) -> None:
    """From seconds to a quarter of an hour, and never all at the same moment."""
    bench = Bench(queue=Queue(receives=receives))
    bench.recordings.fault = RetryLater("not now", code="recording_unavailable", retry_after_seconds=1)
    bench.run_until(lambda: bool(bench.queue.hidden))
    full = min(900, 10 * 2**receives)
    assert full / 2 <= bench.queue.hidden[0] <= full
    assert not bench.queue.deleted
    assert Places(UPLOAD).failure not in bench.transcripts
    (line,) = lines(log, "will be tried again")
    assert (line["code"], line["receives"], line["request_id"]) == ("recording_unavailable", receives, "m1")


def test_full_disk_is_no_fault_of_the_recordings(log: StringIO) -> None:
    """The message goes back; another worker has room, or this one later."""
    bench = Bench()
    bench.recordings.fault = OSError(errno.ENOSPC, "No space left on device")
    bench.run_until(lambda: bool(bench.queue.hidden))
    assert lines(log, "will be tried again")[0]["code"] == "disk_full"
    assert not bench.queue.deleted


def test_fault_of_ours_leaves_the_message_and_says_where_but_not_what(log: StringIO) -> None:
    """A defect ends among the dead letters; its text might name a caller."""
    bench = Bench()
    bench.recordings.fault = ValueError("secret name.wav")
    code = bench.run_until(lambda: bool(bench.queue.hidden))
    assert code == 0
    (line,) = lines(log, "failed")
    assert line["error"] == "ValueError"
    assert "in download" in str(line["where"])
    assert "secret" not in log.getvalue()
    assert not bench.queue.deleted


def test_call_that_another_worker_has_now_is_let_go(log: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat that comes too late finds the message gone: the work stops at its next progress."""
    monkeypatch.setattr(Settings, "heartbeat_seconds", 0)
    bench = Bench(queue=Queue(gone=True))

    def hear(progress: Progress) -> None:
        until(lambda: bool(lines(log, "lost")))
        progress(0.5)

    bench.engine = Engine(hear)
    bench.run_until(lambda: bool(lines(log, "let go")))
    assert Places(UPLOAD).transcript not in bench.transcripts
    assert not bench.queue.deleted


def test_working_message_is_kept_and_shown_as_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as work goes on nobody else gets it, and people see who is at it and how far."""
    monkeypatch.setattr(Settings, "heartbeat_seconds", 0)
    bench = Bench()
    shown: list[dict[str, Any]] = []

    def hear(progress: Progress) -> None:
        progress(0.25)
        until(lambda: bench.queue.hidden.count(bench.settings.visibility_timeout_seconds) > 1)
        shown.append(json.loads(bench.transcripts[Places(UPLOAD).running]))

    bench.engine = Engine(hear)
    bench.run_until(lambda: bench.queue.deleted)
    assert (shown[0]["share"], shown[0]["attempt"], shown[0]["recording"]["key"]) == (0.25, 1, UPLOAD.key)
    assert Places(UPLOAD).running not in bench.transcripts


def test_worker_that_hangs_gives_its_message_back_and_ends(log: StringIO) -> None:
    """No progress for longer than any step takes: nothing but the end of the process ends such a job."""
    bench = Bench()
    released = threading.Event()

    def hear(_: Progress) -> None:
        released.wait(30)

    bench.engine = Engine(hear)
    own = bench.worker()
    own._patience = 0
    try:
        assert own.run(bench.stopping) == HUNG
    finally:
        released.set()
    assert bench.queue.hidden[-1] == 0
    assert not bench.queue.deleted
    assert lines(log, "hung")


def test_job_beyond_its_deadline_goes_back() -> None:
    """A recording that keeps a worker for ever is tried elsewhere, and at last waits among the dead letters."""
    job = Job(Delivery(identity="m1", receipt="r1", body="", receives=1, sent=0.0), deadline_seconds=0)
    with pytest.raises(RetryLater) as late:
        job.progress(0.5)
    assert late.value.code == "deadline"


@pytest.mark.parametrize(("share", "seconds", "fits"), [(0.0, 1, True), (0.5, 20, True), (0.5, 5, False)])
def test_job_fits_where_the_rest_takes_no_longer_than_is_left(
    monkeypatch: pytest.MonkeyPatch, share: float, seconds: float, *, fits: bool
) -> None:
    """Ten seconds for the first half are ten for the second; before the first progress nobody knows."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    job = Job(Delivery(identity="m1", receipt="r1", body="", receives=1, sent=0.0), deadline_seconds=60)
    now[0] += 10
    job.progress(share)
    assert job.fits(seconds) is fits
