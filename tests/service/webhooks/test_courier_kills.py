"""Webhooks outlive the tasks that send them: processes are killed, and others go on."""

import hashlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest

from demo.server import ROOT
from service.access import Caller
from service.aws.s3 import Bucket
from service.aws.sqs import Queue
from service.batch.results import ResultKeys
from service.http.jobs_desk import JobDesk
from service.webhooks.book import WebhookBook
from tests.service.cloud import Cloud, until
from tests.service.webhooks.receivers import ACCEPTED, Certificate, receiving

# A message whose task was killed comes back after this time.
VISIBILITY_SECONDS = 2
CRM = Caller(name="crm")


@contextmanager
def sending(queue: str, cloud: Cloud, certificate: Certificate, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that sends webhooks, killed at the end of the block at the latest."""
    files = (str(certificate.certificate), str(certificate.key))
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.service.webhooks.process",
                queue,
                cloud.recordings,
                cloud.transcripts,
                *files,
            ],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.usefixtures("aws_environment")
def test_webhook_outlives_every_task(cloud: Cloud, certificate: Certificate, tmp_path: Path) -> None:
    """Killed while a receiver has the request, it is sent again under the same id by the next one; once that is noted, no more."""
    queue = cloud.sqs.create_queue(
        QueueName=f"webhooks-{uuid4().hex[:12]}", Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)}
    )["QueueUrl"]
    transcripts, log = Bucket(cloud.transcripts), tmp_path / "log"
    book = WebhookBook(documents=transcripts, queue=Queue(queue))
    desk = JobDesk(recordings=Bucket(cloud.recordings), transcripts=transcripts, settings=cloud.settings, webhooks=book)
    patient = True

    def manners(wire: socket.socket, _: bytes) -> None:
        with suppress(OSError):
            # The first request is never answered.
            if patient:
                wire.recv(1)
            else:
                wire.sendall(ACCEPTED)

    with receiving(certificate, manners) as receiver:
        sound = b"RIFF sound"
        digest = hashlib.sha256(sound).digest()
        job = desk.take_upload(caller=CRM, sha256=digest, size=len(sound), webhook=receiver.url).facts["id"]
        cloud.put(ResultKeys(cloud.upload(f"whisper-jobs/{job}", sound, announce=False)).transcript)
        with sending(queue, cloud, certificate, log) as first:
            until(lambda: bool(receiver.requests), seconds=30, why=log.read_text)
            first.send_signal(signal.SIGKILL)
        patient = False
        assert desk.look(job, caller=CRM).facts["webhook"]["state"] == "pending"
        with sending(queue, cloud, certificate, log):
            until(lambda: not sum(Queue(queue).counts()), seconds=30, why=log.read_text)
    assert desk.look(job, caller=CRM).facts["webhook"]["state"] == "delivered"
    assert len(receiver.requests) == 2
    assert receiver.headers(0)["webhook-id"] == receiver.headers(1)["webhook-id"]
