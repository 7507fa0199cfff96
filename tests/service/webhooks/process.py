"""A process that sends webhooks as the API's does, but to this machine: QUEUE, RECORDINGS, TRANSCRIPTS, CERTIFICATE and KEY."""

import sys
import threading
from pathlib import Path

from service import telemetry
from service.aws.s3 import Bucket
from service.aws.sqs import Queue
from service.http.jobs_desk import JobDesk
from service.settings import Settings
from service.telemetry import Meter
from service.webhooks.book import WebhookBook
from service.webhooks.courier import Courier
from tests.service.webhooks.receivers import Certificate, local_sender

SECRET = "A" * 40


def main(queue_url: str, recordings: str, transcripts: str, certificate: str, key: str) -> None:
    """Send until the process is killed."""
    telemetry.configure(sys.stdout)
    queue, bucket = Queue(queue_url), Bucket(transcripts)
    book = WebhookBook(documents=bucket, queue=queue)
    own = Courier(
        queue=queue,
        jobs=JobDesk(recordings=Bucket(recordings), transcripts=bucket, settings=Settings(), webhooks=book),
        book=book,
        sender=local_sender(Certificate(certificate=Path(certificate), key=Path(key)), seconds=30),
        read_secret=lambda: SECRET,
        meter=Meter(environment="test", service="api"),
    )
    with own.running():
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
