"""A worker process with an emulated queue and buckets: each recording gets one transcript, or a reason why not."""

import json
import threading
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from service.batch.events import Upload, announcement
from service.batch.results import ResultKeys
from service.transcript import Transcript
from tests.service.cloud import MAX_RECEIVES, Cloud, drained, silence, worker
from tests.service.proxy import Answer, Call, Cut, Proxy
from tests.standin import MODEL

AWKWARD_KEYS = [
    "2026-01-31/agent 7+8, 100%, für später.wav",
    "no suffix",
    "looks like a folder/",
    "../up.wav",
    "é" * 512,  # 1024 bytes, as many as S3 takes
]


def record(upload: Upload) -> dict[str, object]:
    """A record of an S3 event notification."""
    found = {
        "key": quote_plus(upload.key),
        "size": upload.size,
        "eTag": upload.etag,
        "versionId": upload.version_id,
        "sequencer": upload.sequencer,
    }
    bucket = {"name": upload.bucket}
    return {"eventName": "ObjectCreated:Put", "eventTime": upload.time, "s3": {"bucket": bucket, "object": found}}


def test_recordings_of_any_name_are_transcribed_and_nothing_of_them_is_logged(cloud: Cloud, tmp_path: Path) -> None:
    """Both forms of event, several records in one message, awkward keys; no name and no word in the log."""
    uploads = [cloud.upload(key, announce=number % 2 == 0) for number, key in enumerate(AWKWARD_KEYS)]
    cloud.send(json.dumps({"Records": [record(upload) for upload in uploads[1::2]]}))
    cloud.send(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": cloud.recordings}))
    with worker(cloud, tmp_path) as own:
        drained(cloud, own)
        assert own.stop() == 0
        log = own.log.read_text()
    for upload in uploads:
        cloud.assert_transcribed_once(upload)
    cloud.assert_drained()
    transcript = Transcript.from_dict(cloud.document(ResultKeys(uploads[0]).transcript)["transcript"])
    words = {word for segment in transcript.segments for word in segment.text.split() if len(word) > 4}
    assert words
    for private in (*words, "agent 7", "später", "looks like", cloud.recordings):
        assert private not in log


def test_transcript_names_its_provenance(cloud: Cloud, tmp_path: Path) -> None:
    """A reader knows a year later which recording, model and image it came from, and its cost; a metric is its fleet's."""
    upload = cloud.upload("call.wav")
    priced = {"WHISPER_IMAGE": "sha256:abc", "WHISPER_DOLLARS_PER_HOUR": "3.6"}
    with worker(cloud, tmp_path, **priced, WHISPER_FLEET="backfill") as own:
        drained(cloud, own)
        assert {line["Service"] for line in own.lines if "_aws" in line} == {"backfill"}
    document = cloud.document(ResultKeys(upload).transcript)
    assert document["recording"]["key"] == "call.wav"
    assert document["recording"]["version"] == upload.version_id
    provenance = document["provenance"]
    assert (provenance["model"], provenance["image"]) == (str(MODEL), "sha256:abc")
    assert provenance["compute_type"] in {"int8", "float32"}
    assert provenance["cost_dollars"] == pytest.approx(provenance["processing_seconds"] / 1000, rel=0.01)
    assert provenance["real_time_factor"] > 0


def test_recording_without_a_transcript_says_why_and_is_not_tried_again(cloud: Cloud, tmp_path: Path) -> None:
    """Garbage, an empty file and a deleted recording each get a reason at the first attempt; the others go on."""
    garbage = cloud.upload("notes.wav", b"these are no samples")
    nothing = cloud.upload("empty.wav", b"")
    gone = cloud.upload("gone.wav", announce=False)
    cloud.s3.delete_object(Bucket=cloud.recordings, Key=gone.key, VersionId=gone.version_id)
    good, quiet = cloud.upload("good.wav", announce=False), cloud.upload("quiet.wav", silence(3))
    cloud.send(json.dumps({"Records": [record(gone), record(good)]}))
    with worker(cloud, tmp_path) as own:
        drained(cloud, own)
        assert own.messages.count("refused") == 3
        assert "will be tried again" not in own.messages
    codes = {
        upload.key: cloud.document(ResultKeys(upload).failure)["error"]["code"] for upload in (garbage, nothing, gone)
    }
    assert codes == {"notes.wav": "bad_audio", "empty.wav": "empty_audio", "gone.wav": "recording_missing"}
    for upload in (good, quiet):
        cloud.assert_transcribed_once(upload)
    assert cloud.document(ResultKeys(quiet).transcript)["transcript"]["segments"] == []
    cloud.assert_drained()


def test_message_that_cannot_be_read_waits_among_the_dead_letters(cloud: Cloud, tmp_path: Path) -> None:
    """It is not discarded, and does not hold up later messages."""
    bodies = [
        "no json",
        "[]",
        '{"detail-type": "Object Deleted"}',
        '{"Records": [{"eventName": "ObjectRemoved:Delete"}]}',
    ]
    for body in bodies:
        cloud.send(body)
    upload = cloud.upload("call.wav")
    with worker(cloud, tmp_path) as own:
        drained(cloud, own)
        assert own.messages.count("unknown message") == MAX_RECEIVES * len(bodies)
    cloud.assert_transcribed_once(upload)
    assert sorted(cloud.bodies(cloud.dead_letters)) == sorted(bodies)


def test_same_recording_announced_often_and_to_several_workers_is_transcribed_once(
    cloud: Cloud, tmp_path: Path
) -> None:
    """S3 delivers events at least once, and two workers may hold messages about the same upload."""
    upload = cloud.upload("call.wav")
    for _ in range(5):
        cloud.send(announcement(upload))
    with (
        worker(cloud, tmp_path, WHISPER_LANES="3") as one,
        worker(cloud, tmp_path, WHISPER_LANES="3") as other,
    ):
        drained(cloud, one)
        assert (one.stop(), other.stop()) == (0, 0)
    cloud.assert_transcribed_once(upload)
    cloud.assert_drained()


def test_pointer_follows_the_order_of_uploads_not_of_messages(cloud: Cloud, tmp_path: Path) -> None:
    """Each version has its transcript; `latest` stays with the newest even if an older one is announced last."""
    first, second, third = (
        cloud.upload("call.wav", silence(number + 1), sequencer=sequencer, announce=False)
        for number, sequencer in enumerate(("0055AED6DCD90281E5", "0055AED6DCD90281E6", "0055AED6DCD90281E60A"))
    )
    with worker(cloud, tmp_path) as own:
        for upload in (second, third, first):
            cloud.send(announcement(upload))
            drained(cloud, own)
    for upload in (first, second, third):
        assert cloud.results()[ResultKeys(upload).transcript] == 1
    assert cloud.document(ResultKeys(first).latest)["recording"]["version"] == third.version
    assert cloud.results()[ResultKeys(first).latest] == 2


def test_recording_replaced_before_its_download_is_still_the_one_that_was_announced(
    cloud: Cloud, between: Proxy, tmp_path: Path
) -> None:
    """An event without a version pins the content by its entity tag; its replacement is a different recording."""
    upload = cloud.upload("call.wav", announce=False)
    versionless = Upload(
        bucket=upload.bucket, key=upload.key, etag=upload.etag, size=upload.size, sequencer="01", time=upload.time
    )
    cloud.send(announcement(versionless))
    replaced = threading.Event()

    def replace_once(call: Call) -> None:
        if call.name.startswith(f"GET {cloud.recordings}/") and not replaced.is_set():
            replaced.set()
            cloud.upload("call.wav", silence(1), announce=False)

    between.before = replace_once
    with worker(cloud, tmp_path, endpoint=between.url) as own:
        drained(cloud, own)
    document = cloud.document(ResultKeys(versionless).transcript)
    assert document["recording"]["version"] == upload.etag
    assert document["transcript"]["segments"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param(
            Answer(status=503, body=b"<Error><Code>SlowDown</Code></Error>"),
            "recording_unavailable",
            id="slow down",
            marks=pytest.mark.verify,
        ),
        pytest.param(
            Answer(status=403, body=b"<Error><Code>AccessDenied</Code></Error>"), "recording_denied", id="denied"
        ),
        pytest.param(None, "recording_unavailable", id="cut off", marks=pytest.mark.verify),
    ],
)
def test_recording_that_cannot_be_downloaded_is_tried_again(
    cloud: Cloud, between: Proxy, tmp_path: Path, fault: Answer | None, code: str
) -> None:
    """A fault of S3 is not recorded as a failure of the recording, which is transcribed once the fault is over."""
    upload = cloud.upload("call.wav")

    def refuse(call: Call) -> Answer | None:
        if not call.name.startswith(f"GET {cloud.recordings}/"):
            return None
        if fault is None:
            raise Cut
        return fault

    between.before = refuse
    with worker(cloud, tmp_path, endpoint=between.url) as own:
        own.wait_for("will be tried again")
        (line,) = [line for line in own.lines if line.get("message") == "will be tried again"]
        assert line["code"] == code
        assert cloud.left() == 1
        between.before = lambda _: None
        drained(cloud, own)
    cloud.assert_transcribed_once(upload)
    cloud.assert_drained()


def test_download_that_is_cut_off_is_not_transcribed(cloud: Cloud, between: Proxy, tmp_path: Path) -> None:
    """Half a download must not become half a transcript."""
    upload = cloud.upload("call.wav")

    def cut(call: Call) -> Answer | None:
        if call.name.startswith(f"GET {cloud.recordings}/") and call.answer:
            half = len(call.answer.body) // 2
            return Answer(status=200, headers=call.answer.headers, body=call.answer.body, cut=half)
        return None

    between.after = cut
    with worker(cloud, tmp_path, endpoint=between.url) as own:
        own.wait_for("will be tried again")
        assert not cloud.results("transcripts/")
        between.after = lambda _: None
        drained(cloud, own)
    cloud.assert_transcribed_once(upload)


def test_worker_outlives_a_lost_network(cloud: Cloud, between: Proxy, tmp_path: Path) -> None:
    """It logs that it cannot receive, waits, and works once the queue is reachable again."""

    def lose(_: Call) -> None:
        raise Cut

    between.before = lose
    upload = cloud.upload("call.wav")
    with worker(cloud, tmp_path, endpoint=between.url) as own:
        own.wait_for("cannot receive")
        between.before = lambda _: None
        drained(cloud, own)
        assert own.stop() == 0
    cloud.assert_transcribed_once(upload)
