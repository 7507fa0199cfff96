"""An operator's view of a cloud, and documents as workers write them."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from demo.server import ROOT
from service.aws.s3 import Bucket
from service.aws.sqs import Queue
from service.batch import results
from service.batch.events import Upload
from service.batch.jobs import Jobs
from service.batch.rows import (
    DatedVersion,
    Tally,
)
from service.errors import NotAudio
from tests.service.cloud import REGION, Cloud

NOW = "2026-01-31T12:00:00.000+00:00"


def view(cloud: Cloud, *, prefix: str = "", **settings: str) -> Jobs:
    """All recordings of a cloud, or those under a prefix; `settings` replace the cloud's."""
    queue = Queue(cloud.queue)
    return Jobs(
        queue=queue,
        dead_letters=queue.dead_letters(),
        recordings=Bucket(cloud.recordings),
        transcripts=Bucket(cloud.transcripts),
        settings=replace(cloud.settings, **settings),  # type: ignore[arg-type]
        prefix=prefix,
    )


def unannounced(cloud: Cloud, key: str, body: bytes = b"sound") -> Upload:
    """Upload a recording that no message announces."""
    return cloud.upload(key, body, announce=False)


def run(cloud: Cloud, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the verb as an operator does."""
    inherited = {name: value for name, value in cloud.emulator.environ().items() if not name.startswith("WHISPER_")}
    own = {name: value for name, value in cloud.settings.to_environ().items() if value}
    return subprocess.run(
        [sys.executable, "-m", "service", "jobs", *arguments],
        cwd=ROOT,
        env=inherited | {"AWS_DEFAULT_REGION": REGION} | own | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def failure(upload: Upload) -> bytes:
    """The failure document of a text file."""
    return results.failure_document(upload, NotAudio(size=1200), at=NOW)


def at_work(upload: Upload) -> bytes:
    """The document that a worker writes while it transcribes."""
    return results.running_document(upload, worker="host", attempt=2, started=NOW, at=NOW, share=0.25)


class Aged:
    """The transcripts bucket as it will be some hours from now."""

    def __init__(self, bucket: Bucket, *, hours: int) -> None:
        self._bucket, self._age = bucket, timedelta(hours=hours)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The same keys, written earlier."""
        return ((key, modified - self._age) for key, modified in self._bucket.keys(prefix, after=after))

    def read(self, key: str) -> tuple[bytes, str] | None:
        """The same content."""
        return self._bucket.read(key)


def reconciled(jobs: Jobs, *, announce: bool = False) -> tuple[Tally, list[tuple[str, str]]]:
    """The tally, and the key and version of each recording that is unaccounted for."""
    *missing, tally = jobs.reconcile(announce=announce)
    assert isinstance(tally, Tally)
    return tally, [(row.recording, row.version) for row in missing if isinstance(row, DatedVersion)]
