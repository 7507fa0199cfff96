"""Messages on the queue: each form in which an upload is announced, and those that are not uploads."""

import json
from typing import Any

import pytest

from service.batch.events import UnknownMessage, Upload, announcement, uploads

UPLOAD = Upload(
    bucket="calls", key="a b.wav", version_id="v1", etag="e1", size=3, sequencer="0A", time="2026-01-31T12:00:00Z"
)
S3_EVENT = {
    "Records": [
        {
            "eventName": "ObjectCreated:Put",
            "eventTime": UPLOAD.time,
            "s3": {
                "bucket": {"name": "calls"},
                "object": {"key": "a+b.wav", "size": 3, "eTag": "e1", "versionId": "v1", "sequencer": "0A"},
            },
        }
    ]
}


def in_envelope(message: str, **more: Any) -> str:
    """A message as SNS delivers it to a queue."""
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:…", "Message": message, **more})


@pytest.mark.parametrize("message", [announcement(UPLOAD), json.dumps(S3_EVENT)], ids=["EventBridge", "S3"])
@pytest.mark.parametrize("wrap", [str, in_envelope], ids=["raw", "in an envelope"])
def test_upload_is_read_from_every_form(message: str, wrap: Any) -> None:
    """S3 writes to the queue itself, through EventBridge, or through a topic of SNS with or without raw delivery."""
    assert uploads(wrap(message), bucket="calls") == [UPLOAD]


def test_test_event_in_an_envelope_announces_nothing() -> None:
    """S3 sends one when a bucket is connected to a topic."""
    assert uploads(in_envelope(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"}))) == []


@pytest.mark.parametrize(
    "body",
    [
        in_envelope("hello"),
        in_envelope(json.dumps([])),
        in_envelope(json.dumps({"Records": [{}]})),
        json.dumps({"Type": "Notification"}),
        json.dumps({"Type": "Notification", "Message": S3_EVENT}),
        json.dumps({"Type": "SubscriptionConfirmation", "Message": json.dumps(S3_EVENT)}),
        in_envelope(in_envelope(json.dumps(S3_EVENT))),
    ],
)
def test_other_content_of_an_envelope_is_unknown(body: str) -> None:
    """It goes to the dead letters for a person to look at."""
    with pytest.raises(UnknownMessage):
        uploads(body)


def test_upload_to_another_bucket_is_unknown_in_an_envelope_too() -> None:
    """A topic may serve several buckets."""
    with pytest.raises(UnknownMessage):
        uploads(in_envelope(json.dumps(S3_EVENT)), bucket="other")
