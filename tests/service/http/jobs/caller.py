"""A caller of jobs over HTTP, on a real server with buckets and queues of an emulator."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx2

from service.aws.s3 import Bucket
from service.aws.sqs import Queue
from service.batch import results
from service.batch.events import Upload
from service.batch.lease import now
from service.errors import ServiceError
from service.http.app import create_app
from service.http.jobs_desk import JobDesk
from service.telemetry import Meter
from service.webhooks.book import WebhookBook
from tests.service.cloud import Cloud
from tests.service.http.fakes import RECORDING, SETTINGS, FakeEngine
from tests.service.http.real_server import served

SOUND = b"RIFF sound"
LIMIT = 1_000_000
# Long ago.
THEN = "2026-01-31T12:00:00.000+00:00"
KEYS = json.dumps(
    {
        "crm": "crm-0123456789abcdef",
        "quality": "quality-0123456789abcdef",
        "uploader": {"key": "uploader-0123456789abcdef", "scopes": ["transcribe"]},
        "sales": {"key": "sales-0123456789abcdef", "prefixes": ["calls/sales/", "whisper-jobs/"]},
    }
)


@dataclass(frozen=True, kw_only=True)
class Client:
    """A caller of the API, which can also see and write the buckets behind it."""

    cloud: Cloud
    url: str
    caller: str = "crm"

    def send(self, method: str, path: str, content: object = None, **headers: str) -> httpx2.Response:
        """Send a request with the caller's key."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["authorization"] = f"Bearer {self.caller}-0123456789abcdef"
        body = json.dumps(content).encode() if content is not None else None
        return httpx2.request(method, f"{self.url}{path}", headers=headers, timeout=30, content=body)

    def post(self, sound: bytes = SOUND, **headers: str) -> httpx2.Response:
        """Ask for the job of a recording."""
        return self.send("POST", "/jobs", {"sha256": hashlib.sha256(sound).hexdigest(), "size": len(sound)}, **headers)

    def put(self, job: dict[str, Any], sound: bytes = SOUND) -> Upload:
        """Upload a recording by the link of its job; the version that it becomes."""
        link = job["upload"]
        answer = httpx2.request(link["method"], link["url"], headers=link["headers"], content=sound, timeout=30)
        assert answer.status_code == 200, answer.text
        found = Bucket(self.cloud.recordings).current(f"whisper-jobs/{job['id']}")
        assert found
        return found

    def look(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job as it is now."""
        answer = self.send("GET", job["links"]["self"])
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def marker(upload: Upload, *, attempt: int = 1, at: str = "", error: ServiceError | None = None) -> bytes:
    """The document of a worker that has a recording, or had it; it was last heard of now, or at another time."""
    return results.running_document(
        upload, worker="w", attempt=attempt, started=THEN, at=at or now(), share=0.25, error=error
    )


@contextmanager
def calling(cloud: Cloud, *, webhooks: bool = True) -> Iterator[Client]:
    """A caller of a real server."""
    settings = replace(
        SETTINGS,
        api_keys=KEYS,
        max_upload_bytes=LIMIT // 10,
        worker_max_upload_bytes=LIMIT,
        recordings_bucket=cloud.recordings,
        transcripts_bucket=cloud.transcripts,
    )
    transcripts = Bucket(cloud.transcripts)
    queue = Queue(cloud.sqs.create_queue(QueueName=f"webhooks-{cloud.transcripts[-12:]}")["QueueUrl"])
    desk = JobDesk(
        recordings=Bucket(cloud.recordings),
        transcripts=transcripts,
        settings=settings,
        webhooks=WebhookBook(documents=transcripts, queue=queue) if webhooks else None,
    )
    app = create_app(
        engine=FakeEngine(),
        decode=lambda _, name="": RECORDING,  # noqa: ARG005 - as the protocol says
        meter=Meter(environment="test", service="api"),
        settings=settings,
        jobs=desk,
    )
    with served(app, settings) as url:
        yield Client(cloud=cloud, url=url)
