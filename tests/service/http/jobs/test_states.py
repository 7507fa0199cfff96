"""The states of jobs over HTTP, by what workers leave in the buckets, and what deleting a job leaves of them."""

from datetime import UTC, datetime, timedelta

import pytest

from service.batch import results
from service.batch.events import Upload
from service.batch.results import ResultKeys, State
from service.errors import AwsDenied, DeadlineExceeded, NotAudio, RecordingMissing
from service.http import jobs_desk
from service.http.responses import error_body
from tests.service.cloud import until
from tests.service.http.jobs.caller import SOUND, THEN, Client, marker


def test_progress_is_that_of_the_worker(client: Client) -> None:
    """A job is running as long as the marker of a worker is there."""
    job = client.post().json()
    upload = client.put(job)
    client.cloud.put(ResultKeys(upload).running, marker(upload, attempt=2))
    found = client.look(job)
    assert (found["state"], found["progress"], found["attempts"]) == ("running", 0.25, 2)


def test_failed_job_has_its_reason(client: Client) -> None:
    """It is the worker's, told as every answer tells errors, and the same recording is not tried again."""
    job = client.post().json()
    upload = client.put(job)
    client.cloud.put(ResultKeys(upload).failure, results.failure_document(upload, NotAudio(size=10), at=THEN))
    found = client.look(job)
    # The recording is at fault, and no field of the request.
    assert (found["state"], found["error"]) == ("failed", error_body(NotAudio(size=10), recording="")["error"])
    assert found["error"]["expected"] == NotAudio.expected
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
    assert "no worker has begun" in found["error"]["message"]
    assert found["error"].keys() == error_body(DeadlineExceeded())["error"].keys()


def test_late_job_tells_what_is_known_of_its_attempts(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number, and why the last one failed; a message that ends in the dead letters leaves no more."""
    job = client.post().json()
    running = ResultKeys(client.put(job)).running
    upload = Upload(bucket="b", key="k", version_id="v")
    fault = AwsDenied(resource="recording", reason="AccessDenied")
    client.cloud.put(running, marker(upload, attempt=3, error=fault))
    found = client.look(job)
    assert (found["state"], found["attempts"], found["cause"]["code"]) == ("waiting", 3, "recording_denied")
    monkeypatch.setattr(jobs_desk, "WAIT_SECONDS", -7200)
    found = client.look(job)
    assert (found["state"], found["attempts"], found["cause"]["code"]) == ("late", 3, "recording_denied")
    assert "after 3 attempts; the last one failed: AWS does not answer" in found["error"]["message"]
    # A worker that was killed says nothing more.
    client.cloud.put(running, marker(upload, at=THEN))
    found = client.look(job)
    assert (found["state"], "cause" in found, "progress" in found) == ("late", False, False)
    assert "after 1 attempt; the last one gave no reason" in found["error"]["message"]
    client.cloud.put(running, marker(upload))
    assert "a worker is at it" in client.look(job)["error"]["message"]


def test_worker_that_was_killed_is_not_running(client: Client) -> None:
    """Its message is back on the queue: the job waits, and can be deleted."""
    job = client.post().json()
    client.cloud.put(ResultKeys(client.put(job)).running, marker(Upload(bucket="b", key="k"), at=THEN))
    assert client.look(job)["state"] == "waiting"
    assert client.send("DELETE", job["links"]["self"]).status_code == 204
    assert not client.cloud.s3.list_objects_v2(Bucket=client.cloud.transcripts).get("Contents")


def test_deleted_job_can_be_asked_for_again(client: Client) -> None:
    """A worker that then finds no recording writes so; that is no result of the next upload."""
    job = client.post().json()
    upload = client.put(job)
    assert client.send("DELETE", job["links"]["self"]).status_code == 204
    client.cloud.put(ResultKeys(upload).failure, results.failure_document(upload, RecordingMissing(), at=THEN))
    again = client.post().json()
    assert (again["id"], again["state"]) == (job["id"], "awaiting_upload")
    client.put(again)
    assert client.look(job)["state"] == "waiting"


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
    client.cloud.put(keys.running, marker(upload))
    answer = client.send("DELETE", job["links"]["self"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "job_running")
    assert client.look(job)["state"] == "running"
    client.cloud.put(keys.transcript)
    client.cloud.s3.delete_object(Bucket=client.cloud.transcripts, Key=keys.running)
    assert client.send("DELETE", job["links"]["self"]).status_code == 204
    assert not client.cloud.results()
