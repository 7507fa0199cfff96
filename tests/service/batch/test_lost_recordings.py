"""The metric of a scheduled `jobs reconcile`: what is lost, and not what only just arrived."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from service.aws.s3 import Bucket
from service.batch import jobs
from service.batch.events import Upload
from service.batch.jobs import EVENT_DELAY
from service.telemetry import Meter
from tests.service.batch.operating import run, unannounced, view
from tests.service.cloud import Cloud

pytestmark = pytest.mark.usefixtures("aws_environment")


class Earlier:
    """The recordings bucket, whose objects arrived some time ago."""

    def __init__(self, name: str, ago: timedelta) -> None:
        self._bucket, self._time = Bucket(name), (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")

    def versions(self, prefix: str) -> Iterator[Upload]:
        """The same versions, written then."""
        return (replace(upload, time=self._time) for upload in self._bucket.versions(prefix))


def lost(cloud: Cloud, *, ago: timedelta) -> tuple[int, float]:
    """Exit code and metric of a reconciliation of recordings that arrived some time ago."""
    stream = StringIO()
    seen = replace(view(cloud), recordings=Earlier(cloud.recordings, ago))
    meter = Meter(environment="dev", service="reconcile", stream=stream)
    code = jobs.run(seen, action="reconcile", show=[], names=False, announce=False, as_json=True, meter=meter)
    return code, json.loads(stream.getvalue())["LostRecordings"]


def test_recordings_without_result_or_message_are_lost(cloud: Cloud) -> None:
    """Two of them are two."""
    unannounced(cloud, "a.wav")
    unannounced(cloud, "b.wav")
    assert lost(cloud, ago=2 * EVENT_DELAY) == (1, 2)


def test_recording_that_just_arrived_calls_no_one(cloud: Cloud) -> None:
    """Its event may be late; a person who asks still gets to know of it by the exit code."""
    unannounced(cloud, "a.wav")
    assert lost(cloud, ago=EVENT_DELAY / 2) == (1, 0)


def test_recording_that_a_message_may_announce_is_not_lost(cloud: Cloud) -> None:
    """While messages wait, they may be its."""
    unannounced(cloud, "a.wav")
    cloud.send("a message")
    assert lost(cloud, ago=2 * EVENT_DELAY) == (0, 0)


def test_task_writes_the_metric_beside_the_counts(cloud: Cloud) -> None:
    """Without loss, too: its absence means that no task ran. A list would ignore the option, and refuses it."""
    done = run(cloud, "reconcile", "--metric")
    assert done.returncode == 0
    assert json.loads(done.stdout.splitlines()[-1])["LostRecordings"] == 0
    assert "LostRecordings" not in run(cloud, "reconcile").stdout
    assert run(cloud, "--metric").returncode == 2
