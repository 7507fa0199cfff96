"""What a worker tells about the backlog."""

import pytest

from service.batch.backlog import RECENT, Backlog
from service.batch.events import Message, Upload
from service.batch.lease import Lease
from service.contract import Gauge

MEGABYTE = 1_000_000


def upload(key: str, size: int) -> Upload:
    """A recording with this key and size."""
    return Upload(bucket="recordings", key=key, etag="e", size=size)


def held(recording: Upload, *, audio: float | None = None, share: float = 0.0) -> Lease:
    """A message in hand; `audio` is None before the recording is decoded."""
    lease = Lease(Message(identity="1", receipt="r", body="", receives=1, sent=0.0), deadline_seconds=3600)
    lease.upload, lease.audio, lease.share = recording, audio, share
    return lease


def test_worker_that_knows_nothing_tells_nothing() -> None:
    """Neither before its first recording, nor of one whose length is unknown: a guess would pass for a measurement."""
    assert Backlog().gauges([]) == {}
    assert Backlog().gauges([held(upload("a.wav", MEGABYTE))]) == {}


def test_length_is_known_once_the_recording_is_decoded() -> None:
    """What is left of it falls with its progress."""
    backlog = Backlog()
    backlog.decoded(upload("a.wav", MEGABYTE), 400.0)
    gauges = backlog.gauges([held(upload("a.wav", MEGABYTE), audio=400.0, share=0.25)])
    assert gauges == {Gauge.CALL_SECONDS: [400.0], Gauge.REST_SECONDS: [300.0]}


def test_length_is_estimated_from_the_size_until_it_is_known() -> None:
    """At the bytes per second of recordings with the same suffix: a second of MP3 has fewer than one of WAV."""
    backlog = Backlog()
    backlog.decoded(upload("a.wav", 4 * MEGABYTE), 100.0)
    backlog.decoded(upload("b.mp3", MEGABYTE), 500.0)
    waves, compressed = held(upload("c.WAV", 8 * MEGABYTE)), held(upload("d.mp3", 2 * MEGABYTE))
    gauges = backlog.gauges([waves, compressed])
    assert gauges[Gauge.REST_SECONDS] == [200.0, 1000.0]
    assert gauges[Gauge.CALL_SECONDS] == [pytest.approx((100 + 500 + 200 + 1000) / 4)]


def test_estimate_of_a_recording_counts_once() -> None:
    """Once it is decoded, its length takes the place of the estimate."""
    backlog = Backlog()
    backlog.decoded(upload("a.wav", MEGABYTE), 100.0)
    lease = held(upload("b.wav", 3 * MEGABYTE))
    assert backlog.gauges([lease])[Gauge.CALL_SECONDS] == [200.0]
    backlog.decoded(upload("b.wav", 3 * MEGABYTE), 200.0)
    lease.audio = 200.0
    assert backlog.gauges([lease])[Gauge.CALL_SECONDS] == [150.0]


def test_pace_is_that_of_all_recent_work_together() -> None:
    """A short recording with its fixed costs counts by its length, not as much as a long one."""
    backlog = Backlog()
    backlog.transcribed(1000.0, processing_seconds=50.0)
    backlog.transcribed(2.0, processing_seconds=1.0)
    assert backlog.gauges([]) == {Gauge.PACE: [pytest.approx(1002 / 51)]}


def test_old_recordings_are_forgotten() -> None:
    """A queue whose recordings grow longer is known by them after some dozens."""
    backlog = Backlog()
    for seconds in (10.0, 600.0):
        for _ in range(RECENT):
            backlog.decoded(upload("a.wav", MEGABYTE), seconds)
    assert backlog.gauges([])[Gauge.CALL_SECONDS] == [600.0]


def test_message_between_two_uploads_is_left_out() -> None:
    """It has no recording in work."""
    backlog = Backlog()
    backlog.decoded(upload("a.wav", MEGABYTE), 100.0)
    between = held(upload("a.wav", MEGABYTE), audio=100.0)
    between.upload = None
    assert Gauge.REST_SECONDS not in backlog.gauges([between])
