"""Jobs over HTTP, on a real server, with buckets, a queue and workers of an emulator."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from local.emulator import Emulator
from service.aws.s3 import Bucket
from service.batch import results
from service.batch.events import Upload, announcement
from service.batch.results import ResultKeys, State
from service.errors import NotAudio
from service.http import jobs_desk
from service.http.app import create_app
from service.http.jobs_desk import JobDesk
from service.telemetry import Meter
from tests.service.cloud import REGION, Cloud, until, worker
from tests.service.http.fakes import RECORDING, SETTINGS, FakeEngine
from tests.service.http.real_server import served
from tests.standin import VOICEMAIL

SOUND = b"RIFF sound"
LIMIT = 1_000_000
NOW = "2026-01-31T12:00:00.000+00:00"
KEYS = json.dumps(
    {
        "crm": "crm-0123456789abcdef",
        "quality": "quality-0123456789abcdef",
        "uploader": {"key": "uploader-0123456789abcdef", "scopes": ["transcribe"]},
    }
)


@pytest.fixture(autouse=True)
def _environment(emulated: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (emulated.environ() | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)


@dataclass(frozen=True, kw_only=True)
class Client:
    """A caller of the API, which can also see and write the buckets behind it."""

    cloud: Cloud
    url: str
    caller: str = "crm"

    def send(self, method: str, path: str, content: object = None) -> httpx2.Response:
        """Send a request with the caller's key."""
        headers = {"authorization": f"Bearer {self.caller}-0123456789abcdef"}
        body = json.dumps(content).encode() if content is not None else None
        return httpx2.request(method, f"{self.url}{path}", headers=headers, timeout=30, content=body)

    def post(self, sound: bytes = SOUND) -> httpx2.Response:
        """Ask for the job of a recording."""
        return self.send("POST", "/jobs", {"sha256": hashlib.sha256(sound).hexdigest(), "size": len(sound)})

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


@pytest.fixture
def client(cloud: Cloud) -> Iterator[Client]:
    """A caller of a real server."""
    settings = replace(
        SETTINGS,
        api_keys=KEYS,
        max_upload_bytes=LIMIT // 10,
        worker_max_upload_bytes=LIMIT,
        recordings_bucket=cloud.recordings,
        transcripts_bucket=cloud.transcripts,
    )
    desk = JobDesk(recordings=Bucket(cloud.recordings), transcripts=Bucket(cloud.transcripts), settings=settings)
    app = create_app(
        engine=FakeEngine(),
        decode=lambda _, name="": RECORDING,  # noqa: ARG005 - as the protocol says
        meter=Meter(environment="test", service="api"),
        settings=settings,
        jobs=desk,
    )
    with served(app, settings) as url:
        yield Client(cloud=cloud, url=url)


def test_recording_goes_through_the_queue_to_its_transcript(client: Client, tmp_path: Path) -> None:
    """Uploaded by the link, transcribed by a worker, read by links."""
    sound = VOICEMAIL.read_bytes()
    job = client.post(sound).json()
    uploaded = client.put(job, sound)
    assert client.look(job)["state"] == "waiting"
    with worker(client.cloud, tmp_path) as own:
        # The emulator has no EventBridge here: the test says what it says.
        client.cloud.send(announcement(uploaded))
        until(lambda: client.look(job)["state"] == "done", seconds=90, why=lambda: own.log_end)
    links = client.look(job)["results"]
    assert httpx2.get(links["json"]).json()["recording"]["key"] == f"whisper-jobs/{job['id']}"
    assert httpx2.get(links["vtt"]).text.startswith("WEBVTT")
    assert httpx2.get(links["text"]).status_code == 200
    again = client.post(sound)
    assert (again.status_code, again.json()["state"]) == (200, "done")


def test_same_recording_is_the_same_job(client: Client) -> None:
    """A client that asks once more, before or after its upload, causes no second transcription."""
    first = client.post()
    assert first.status_code == 202
    assert first.headers["location"] == first.json()["links"]["self"]
    assert client.post().json()["id"] == first.json()["id"]
    client.put(first.json())
    later = client.post()
    assert (later.status_code, later.json()["state"]) == (202, "waiting")
    assert later.json()["id"] == first.json()["id"]
    assert "upload" not in later.json()


def test_another_caller_has_a_job_of_its_own(client: Client) -> None:
    """A caller that only knows a recording's digest learns neither whether it was sent nor its words."""
    job = client.post().json()
    client.put(job)
    other = replace(client, caller="quality").post().json()
    assert other["state"] == "awaiting_upload"
    assert other["id"] != job["id"]


def test_link_asks_for_the_promised_content(client: Client) -> None:
    """S3 compares the digest and the size, which are signed, and takes no second object."""
    link = client.post().json()["upload"]
    assert {"content-length", "x-amz-checksum-sha256", "if-none-match"} <= set(link["headers"])
    signed = httpx2.URL(link["url"]).params["X-Amz-SignedHeaders"].split(";")
    assert set(link["headers"]) <= set(signed)
    send = partial(httpx2.put, link["url"], timeout=30)
    assert send(content=b"RIFF other", headers=link["headers"]).status_code == 400
    assert send(content=b"RIFF other").status_code == 403
    assert send(content=SOUND, headers=link["headers"]).status_code == 200
    assert send(content=SOUND, headers=link["headers"]).status_code == 412


def test_progress_is_that_of_the_worker(client: Client) -> None:
    """A job is running as long as the marker of a worker is there."""
    job = client.post().json()
    upload = client.put(job)
    marker = results.running_document(upload, worker="w", attempt=1, started=NOW, at=NOW, share=0.25)
    client.cloud.put(ResultKeys(upload).running, marker)
    found = client.look(job)
    assert (found["state"], found["progress"]) == ("running", 0.25)


def test_failed_job_has_its_reason(client: Client) -> None:
    """It is the worker's, and the same recording is not tried again."""
    job = client.post().json()
    upload = client.put(job)
    client.cloud.put(ResultKeys(upload).failure, results.failure_document(upload, NotAudio(size=10), at=NOW))
    found = client.look(job)
    assert (found["state"], found["error"]["code"]) == ("failed", NotAudio.code)
    assert client.post().status_code == 200


@pytest.mark.parametrize("state", [State.PARTIAL, State.UNHEARD])
def test_incomplete_transcript_is_told_apart(client: Client, state: State) -> None:
    """Its links are there all the same."""
    job = client.post().json()
    keys = ResultKeys(client.put(job))
    for key in (keys.transcript, keys.of(state)):
        client.cloud.put(key)
    found = client.look(job)
    assert found["state"] == state
    assert set(found["results"]) == {"json", "vtt", "text"}


def test_job_without_a_result_at_its_deadline_is_late(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says so; a recording that can be longer has a later deadline."""
    small, large = client.post().json(), client.post(SOUND * 900).json()
    client.put(small)
    client.put(large, SOUND * 900)
    deadlines = [datetime.fromisoformat(client.look(job)["deadline"]) for job in (small, large)]
    assert datetime.now(UTC) < deadlines[0] < deadlines[1]
    monkeypatch.setattr(jobs_desk, "WAIT_SECONDS", -3600)
    found = client.look(small)
    assert (found["state"], found["error"]["code"]) == ("late", "deadline")


def test_upload_that_does_not_come_expires_and_can_be_asked_for_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing stays open for ever."""
    monkeypatch.setattr(jobs_desk, "UPLOAD_SECONDS", 1)
    job = client.post().json()
    until(lambda: client.look(job)["state"] == "expired", seconds=10)
    monkeypatch.setattr(jobs_desk, "UPLOAD_SECONDS", 600)
    again = client.post().json()
    assert (again["id"], again["state"]) == (job["id"], "awaiting_upload")
    assert datetime.fromisoformat(again["upload"]["expires"]) > datetime.now(UTC) + timedelta(minutes=5)


def test_result_outlives_its_recording(client: Client) -> None:
    """Recordings may be kept for a shorter time than transcripts."""
    job = client.post().json()
    upload = client.put(job)
    client.cloud.put(ResultKeys(upload).transcript)
    client.cloud.s3.delete_object(Bucket=client.cloud.recordings, Key=upload.key)
    assert client.look(job)["state"] == "done"


def test_deleted_job_leaves_nothing(client: Client) -> None:
    """No version of the recording or of a result remains, and the job is unknown."""
    job = client.post().json()
    upload = client.put(job)
    keys = ResultKeys(upload)
    for key in (keys.transcript, *keys.renderings.values(), keys.latest):
        client.cloud.put(key)
    assert client.send("DELETE", job["links"]["self"]).status_code == 204
    listing = client.cloud.s3.list_object_versions
    for bucket in (client.cloud.recordings, client.cloud.transcripts):
        assert not {"Versions", "DeleteMarkers"} & set(listing(Bucket=bucket))
    answer = client.send("GET", job["links"]["self"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")


def test_job_in_work_is_deleted_when_its_worker_has_ended(client: Client) -> None:
    """Its results, which the worker still writes, would otherwise stay."""
    job = client.post().json()
    upload = client.put(job)
    keys = ResultKeys(upload)
    client.cloud.put(
        keys.running, results.running_document(upload, worker="w", attempt=1, started=NOW, at=NOW, share=0.5)
    )
    answer = client.send("DELETE", job["links"]["self"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "job_running")
    assert client.look(job)["state"] == "running"
    client.cloud.put(keys.transcript)
    client.cloud.s3.delete_object(Bucket=client.cloud.transcripts, Key=keys.running)
    assert client.send("DELETE", job["links"]["self"]).status_code == 204
    assert not client.cloud.results()


def test_recording_of_the_bucket_is_a_job_by_its_key(client: Client) -> None:
    """Deleting the job leaves the recording, which another has put."""
    upload = client.cloud.upload("calls/1.wav", SOUND, announce=False)
    answer = client.send("POST", "/jobs", {"key": upload.key})
    job = answer.json()
    assert (answer.status_code, job["state"]) == (202, "waiting")
    assert upload.key not in answer.text
    client.cloud.put(ResultKeys(upload).transcript)
    assert client.look(job)["state"] == "done"
    assert client.send("POST", "/jobs", {"key": upload.key}).status_code == 200
    assert client.send("DELETE", job["links"]["self"]).status_code == 204
    assert Bucket(client.cloud.recordings).current(upload.key)
    assert list(client.cloud.results()) == [ResultKeys(upload).transcript]


def test_key_of_no_recording_is_refused(client: Client) -> None:
    """Nor does a key count that only begins like one, or one whose recording was deleted."""
    client.cloud.upload("calls/1.wav", SOUND, announce=False)
    client.cloud.upload("calls/deleted.wav", SOUND, announce=False)
    client.cloud.s3.delete_object(Bucket=client.cloud.recordings, Key="calls/deleted.wav")
    for key in ("calls/2.wav", "calls/", "calls/1", "calls/deleted.wav"):
        answer = client.send("POST", "/jobs", {"key": key})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "recording_not_found"), key


def test_key_without_the_scope_of_jobs_cannot_read_what_others_put(client: Client) -> None:
    """It uploads only."""
    client.cloud.upload("calls/1.wav", SOUND, announce=False)
    uploader = replace(client, caller="uploader")
    assert uploader.send("POST", "/jobs", {"key": "calls/1.wav"}).status_code == 403
    job = uploader.post()
    assert job.status_code == 202
    assert uploader.send("GET", job.json()["links"]["self"]).status_code == 403


WRONG: list[tuple[object, str]] = [
    ({}, "body"),
    ([], "body"),
    ({"key": "a", "language": "en"}, "body"),
    ({"sha256": "00", "size": 1}, "sha256"),
    ({"sha256": "0" * 64, "size": 0}, "size"),
    ({"sha256": "0" * 64, "size": True}, "size"),
    ({"sha256": "0" * 64, "size": LIMIT + 1}, "size"),
    ({"key": ""}, "key"),
    ({"key": "\ud800"}, "key"),
    ({"key": "a\u0000"}, "key"),
    ({"key": "x" * 1025}, "key"),
    ({"key": "x" * 20_000}, "body"),
]


def test_wrong_body_is_refused(client: Client) -> None:
    """An unknown option, too: one that is ignored would mislead."""
    for body, field in WRONG:
        answer = client.send("POST", "/jobs", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_job"), body
        assert answer.json()["error"]["param"] == field, body


def test_unknown_job_is_not_found(client: Client) -> None:
    """Whatever the id looks like."""
    for identity in ("x", "0" * 40, "..%2Fjobs"):
        for method in ("GET", "DELETE"):
            assert client.send(method, f"/jobs/{identity}").status_code == 404
