"""Jobs over HTTP: who may ask for which, and what the same recording again is."""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx2
import pytest

from service.aws.s3 import Bucket
from service.batch.events import announcement
from service.batch.results import ResultKeys
from tests.service.cloud import Cloud, until, worker
from tests.service.http.jobs.caller import LIMIT, SOUND, Client, calling
from tests.standin import VOICEMAIL

pytestmark = pytest.mark.usefixtures("aws_environment")


def test_recording_goes_through_the_queue_to_its_transcript(client: Client, tmp_path: Path) -> None:
    """Uploaded by the link, transcribed by a worker, read by links."""
    sound = VOICEMAIL.read_bytes()
    answer = client.post(sound)
    job = answer.json()
    uploaded = client.put(job, sound)
    assert client.look(job)["state"] == "waiting"
    with worker(client.cloud, tmp_path) as own:
        # The emulator has no EventBridge here: the test says what it says.
        client.cloud.send(announcement(uploaded))
        until(lambda: client.look(job)["state"] == "done", seconds=90, why=lambda: own.log_end)
    links = client.look(job)["results"]
    document = httpx2.get(links["json"]).json()
    assert document["recording"]["key"] == f"whisper-jobs/{job['id']}"
    assert document["provenance"]["request_id"] == answer.headers["x-request-id"]
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
    # The content is the key: whatever else a client sends to have its retries known again is not needed.
    assert {client.post(idempotency_key=key).json()["id"] for key in ("a", "a", "b")} == {first.json()["id"]}
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


def test_key_with_prefixes_reaches_no_other_recording(client: Client) -> None:
    """It learns not even whether there is one; nor does it read or remove another caller's job for it by its id."""
    for key in ("calls/sales/1.wav", "calls/support/1.wav"):
        client.cloud.upload(key, SOUND, announce=False)
    sales = replace(client, caller="sales")
    for key in ("calls/support/1.wav", "calls/support/none.wav", "calls/", "calls/sales"):
        answer = sales.send("POST", "/jobs", {"key": key})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "recording_out_of_reach"), key
        assert "calls/sales/" in answer.json()["error"]["expected"]
    assert sales.send("POST", "/jobs", {"key": "calls/sales/1.wav"}).status_code == 202
    assert sales.send("POST", "/jobs", {"key": "calls/sales/2.wav"}).status_code == 404
    other = client.send("POST", "/jobs", {"key": "calls/support/1.wav"}).json()["links"]["self"]
    assert {sales.send(method, other).status_code for method in ("GET", "DELETE")} == {404}
    assert client.send("GET", other).status_code == 200
    # Its own uploads are its own.
    assert sales.look(sales.post().json())["state"] == "awaiting_upload"


def test_job_shows_its_webhook_and_not_its_address(client: Client) -> None:
    """The same recording is the same job, with a webhook or without."""
    job = client.post().json()
    body = {
        "sha256": hashlib.sha256(SOUND).hexdigest(),
        "size": len(SOUND),
        "webhook": "https://hooks.example.com/a?b=c",
    }
    answer = client.send("POST", "/jobs", body)
    assert answer.json()["id"] == job["id"]
    assert answer.json()["webhook"] == {"state": "pending", "host": "hooks.example.com", "attempts": 0}
    assert "b=c" not in answer.text
    assert client.look(job)["webhook"]["state"] == "pending"


def test_wrong_webhook_is_refused_by_its_name(client: Client) -> None:
    """Before there is a job; tests/service/webhooks has every kind of wrong URL."""
    body = {"sha256": hashlib.sha256(SOUND).hexdigest(), "size": len(SOUND)}
    texts = ("http://example.com/", "https://127.0.0.1/", "https://[::1]/", "https://a:b@example.com/", "", "\ud800")
    urls: list[object] = [*texts, None, 1, []]
    for url in urls:
        answer = client.send("POST", "/jobs", {**body, "webhook": url})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "webhook"), url
        assert "https://" in answer.json()["error"]["expected"]
    assert not client.cloud.results()


def test_service_without_webhooks_says_so(cloud: Cloud) -> None:
    """An option that is ignored would mislead."""
    with calling(cloud, webhooks=False) as client:
        answer = client.send("POST", "/jobs", {"key": "a", "webhook": "https://hooks.example.com/"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "webhook")


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
