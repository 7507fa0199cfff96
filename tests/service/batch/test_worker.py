"""The worker's loop, with fakes for the queue, the buckets, the engine and the agent."""

import errno
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest

from service.batch import events
from service.batch.events import announcement
from service.batch.results import ResultKeys
from service.batch.worker import HUNG, MAX_BACKOFF_SECONDS, pause_seconds
from service.engine.engine import Progress
from service.errors import AwsUnavailable, DeadlineExceeded, DiskFull, RetryLater
from service.settings import Settings
from tests.service.batch.bench import UPLOAD, Agent, Bench, Engine, Queue, lines
from tests.service.cloud import until


def test_message_is_deleted_only_after_its_transcript_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is killed between the two steps loses no call."""
    bench = Bench()
    order: list[str] = []
    write = bench.transcripts.write

    def saved(key: str, body: bytes, **rest: Any) -> bool:
        order.append(key)
        return write(key, body, **rest)

    monkeypatch.setattr(bench.transcripts, "write", saved)
    monkeypatch.setattr(bench.queue, "delete", lambda _: order.append("deleted"))
    bench.run_until(lambda: "deleted" in order)
    assert order[0] == ResultKeys(UPLOAD).transcript
    assert order[-1] == "deleted"


@pytest.mark.parametrize(("key", "transcribed"), [("calls/a.wav", True), ("calls/a.json", False), ("a.wav", False)])
def test_object_that_the_filter_leaves_out_is_not_transcribed(key: str, log: StringIO, *, transcribed: bool) -> None:
    """S3's own notifications announce sidecars, too: their messages are deleted, and no result says that they failed."""
    upload = replace(UPLOAD, key=key)
    settings = Settings(lanes=1, recording_prefixes="calls/", recording_suffixes=".wav")
    bench = Bench(queue=Queue(body=announcement(upload)), settings=settings)
    bench.run_until(lambda: bench.queue.deleted)
    assert (ResultKeys(upload).transcript in bench.transcripts) is transcribed
    assert bool(bench.transcripts) is transcribed
    assert [line["uploads"] for line in lines(log, "ignored")] == ([] if transcribed else [1])
    assert key not in log.getvalue()


@pytest.mark.parametrize("receives", [1, 3, 8])
def test_message_that_has_to_wait_waits_longer_each_time(receives: int, log: StringIO) -> None:
    """From seconds to a quarter of an hour, spread at random."""
    bench = Bench(queue=Queue(receives=receives))
    bench.recordings.fault = AwsUnavailable(resource="recording", reason="SlowDown")
    bench.run_until(lambda: bool(bench.queue.hidden))
    full = min(900, 10 * 2**receives)
    least = AwsUnavailable.retry_after_seconds
    assert max(full / 2, least) <= bench.queue.hidden[0] <= max(full, 1.25 * least + 1)
    assert not bench.queue.deleted
    assert ResultKeys(UPLOAD).failure not in bench.transcripts
    (line,) = lines(log, "will be tried again")
    assert (line["code"], line["receives"]) == ("recording_unavailable", receives)
    assert (line["message_id"], line["request_id"]) == ("m1", UPLOAD.version)
    # For whoever asks about the recording meanwhile.
    shown = json.loads((bench.transcripts.read(ResultKeys(UPLOAD).running) or (b"{}",))[0])
    assert (shown["attempt"], shown["error"]["code"]) == (receives, "recording_unavailable")


@pytest.mark.parametrize(
    ("metadata", "request_id"),
    [
        ({"request-id": "crm-42"}, "crm-42"),
        ({}, UPLOAD.version),
        ({"request-id": "a b"}, UPLOAD.version),
        ({"request-id": "x" * 65}, UPLOAD.version),
    ],
)
def test_one_id_leads_from_the_request_to_the_results(metadata: Mapping[str, str], request_id: str) -> None:
    """The object's metadata name it; it is in the metrics, while it runs and in the transcript. Others have their version."""
    bench, shown = Bench(), list[bytes]()
    bench.recordings.metadata = metadata

    def hear(progress: Progress) -> None:
        progress(0.5)
        publication.show(*worker._held())
        shown.append(bench.transcripts[ResultKeys(UPLOAD).running])

    bench.engine = Engine(hear)
    worker = bench.worker()
    publication = worker._publication
    bench.run_until(lambda: bench.queue.deleted, worker)
    assert json.loads(shown[0])["request_id"] == request_id
    assert json.loads(bench.transcripts[ResultKeys(UPLOAD).transcript])["provenance"]["request_id"] == request_id
    line = json.loads(bench.metrics.getvalue().splitlines()[0])
    assert (line["request_id"], line["version"], line["message_id"]) == (request_id, UPLOAD.version, "m1")


@pytest.mark.parametrize(
    "fault", [DeadlineExceeded(), DiskFull(purpose="download"), AwsUnavailable(resource="x", reason="y")]
)
def test_pause_honours_the_delay_of_the_error(fault: RetryLater) -> None:
    """The error's own delay is the least, and the backoff counts once it is longer."""
    for receives in (1, 2, 20):
        pauses = [pause_seconds(receives, at_least=fault.retry_after_seconds) for _ in range(100)]
        assert min(pauses) >= fault.retry_after_seconds
        assert max(pauses) <= max(10 * 2**receives, 1.25 * fault.retry_after_seconds + 1)
        assert max(pauses) <= max(MAX_BACKOFF_SECONDS, 1.25 * fault.retry_after_seconds + 1)
        assert len(set(pauses)) > 1


def test_longest_delay_of_a_message_counts(log: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its uploads is tried; the message returns when the slowest fault may be over."""
    other = replace(UPLOAD, key="other")
    bench = Bench()
    monkeypatch.setattr(events, "uploads", lambda *_, **__: [UPLOAD, other])
    faults = iter([DiskFull(purpose="download"), DeadlineExceeded()])

    def download(*_: object, **__: object) -> None:
        raise next(faults)

    monkeypatch.setattr(bench.recordings, "download", download)
    bench.run_until(lambda: bool(bench.queue.hidden))
    assert bench.queue.hidden[0] >= DeadlineExceeded.retry_after_seconds
    assert lines(log, "will be tried again")[0]["code"] == "deadline"
    outcomes = [json.loads(line)["Outcome"] for line in bench.metrics.getvalue().splitlines()]
    assert outcomes == ["disk_full", "deadline"]


def test_agent_that_hangs_delays_neither_work_nor_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request for protection is still unanswered when the transcript is saved and the worker has stopped."""
    monkeypatch.setattr(Settings, "heartbeat_seconds", 0)
    bench = Bench(agent=Agent())

    def hear(progress: Progress) -> None:
        until(lambda: bench.queue.hidden.count(bench.settings.visibility_timeout_seconds) > 1)
        progress(1.0)

    bench.engine = Engine(hear)
    assert bench.run_until(lambda: bench.queue.deleted) == 0
    assert bench.agent is not None
    assert len(bench.agent.asked) == 1
    bench.agent.answering.set()


def test_agent_that_hangs_hides_no_other_hang() -> None:
    """The watch over the lanes goes on while a request for protection is unanswered."""
    bench, released = Bench(agent=Agent()), threading.Event()

    def hear(_: Progress) -> None:
        released.wait(30)

    bench.engine = Engine(hear)
    own = bench.worker()
    own._patience = 0
    started = time.monotonic()
    try:
        assert own.run(bench.stopping) == HUNG
    finally:
        released.set()
    assert time.monotonic() - started < 10
    assert bench.agent is not None
    bench.agent.answering.set()


def test_full_disk_is_not_a_failure_of_the_recording(log: StringIO) -> None:
    """The message returns to the queue: another worker may have space, or this one later."""
    bench = Bench()
    bench.recordings.fault = OSError(errno.ENOSPC, "No space left on device")
    bench.run_until(lambda: bool(bench.queue.hidden))
    assert lines(log, "will be tried again")[0]["code"] == "disk_full"
    assert not bench.queue.deleted


def test_defect_returns_the_message_and_logs_no_exception_text(log: StringIO) -> None:
    """The message ends among the dead letters; the text of the exception might name a caller."""
    bench = Bench()
    bench.recordings.fault = ValueError("secret name.wav")
    code = bench.run_until(lambda: bool(bench.queue.hidden))
    assert code == 0
    (line,) = lines(log, "failed")
    assert line["error"] == "ValueError"
    assert "in download" in str(line["where"])
    assert "secret" not in log.getvalue()
    assert not bench.queue.deleted


def test_call_that_another_worker_has_taken_over_is_abandoned(log: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a heartbeat finds that the receipt has expired, the work stops at its next progress."""
    monkeypatch.setattr(Settings, "heartbeat_seconds", 0)
    bench = Bench(queue=Queue(gone=True))

    def hear(progress: Progress) -> None:
        until(lambda: bool(lines(log, "lease lost")))
        progress(0.5)

    bench.engine = Engine(hear)
    bench.run_until(lambda: bool(lines(log, "abandoned")))
    assert ResultKeys(UPLOAD).transcript not in bench.transcripts
    assert not bench.queue.deleted


def test_working_message_is_kept_and_shown_as_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats keep the message hidden, and show which worker has it and its progress."""
    monkeypatch.setattr(Settings, "heartbeat_seconds", 0)
    bench = Bench()
    shown: list[dict[str, Any]] = []

    def hear(progress: Progress) -> None:
        progress(0.25)
        until(lambda: bench.queue.hidden.count(bench.settings.visibility_timeout_seconds) > 1)
        shown.append(json.loads(bench.transcripts[ResultKeys(UPLOAD).running]))

    bench.engine = Engine(hear)
    bench.run_until(lambda: bench.queue.deleted)
    assert (shown[0]["share"], shown[0]["attempt"], shown[0]["recording"]["key"]) == (0.25, 1, UPLOAD.key)
    assert ResultKeys(UPLOAD).running not in bench.transcripts


def test_worker_that_hangs_returns_its_message_and_ends(log: StringIO) -> None:
    """No progress for longer than any step takes: only the end of the process can end the work."""
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
