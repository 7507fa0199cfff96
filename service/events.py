"""What a message on the queue says: which recordings were uploaded."""

import json
from typing import Any
from urllib.parse import unquote_plus

from service.results import Upload


class UnknownMessage(ValueError):
    """The message is none of S3's; retrying it is useless, and so is losing it: it belongs to the dead letters."""


def uploads(body: str, *, bucket: str = "") -> list[Upload]:
    """The uploads that a message announces; none for the event that S3 sends to test a queue.

    Args:
        body: an event of EventBridge, or S3's own with one or several records.
        bucket: where recordings arrive; an upload elsewhere is not taken. Empty takes any.

    Raises:
        UnknownMessage: anything else.
    """
    try:
        message = json.loads(body)
        if message.get("Event") == "s3:TestEvent":
            return []
        found = [_record(record) for record in message["Records"]] if "Records" in message else [_event(message)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnknownMessage("neither an event of EventBridge nor one of S3") from error
    if any(not upload.version for upload in found):
        raise UnknownMessage("an upload without version and entity tag")
    if bucket and any(upload.bucket != bucket for upload in found):
        raise UnknownMessage("an upload to another bucket than the recordings'")
    return found


def announcement(upload: Upload) -> str:
    """The message that announces an upload again, in the form of EventBridge."""
    return json.dumps(
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": upload.time,
            "detail": {
                "bucket": {"name": upload.bucket},
                "object": {
                    "key": upload.key,
                    "size": upload.size,
                    "etag": upload.etag,
                    "version-id": upload.version_id,
                    "sequencer": upload.sequencer,
                },
            },
        }
    )


def _event(event: dict[str, Any]) -> Upload:
    if event["detail-type"] != "Object Created":
        raise UnknownMessage(f"an event that is no upload: {event['detail-type']}")
    found = event["detail"]["object"]
    return _upload(event["detail"], key=found["key"], version_id=found.get("version-id"), time=event["time"])


def _record(record: dict[str, Any]) -> Upload:
    if not record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
        raise UnknownMessage(f"a record that is no upload: {record['eventName']}")
    found = record["s3"]["object"]
    # In S3's own events, unlike in EventBridge's, keys are encoded as in a form.
    key = unquote_plus(found["key"])
    return _upload(record["s3"], key=key, version_id=found.get("versionId"), time=record["eventTime"])


def _upload(where: dict[str, Any], *, key: str, version_id: str | None, time: str) -> Upload:
    found = where["object"]
    return Upload(
        bucket=where["bucket"]["name"],
        key=key,
        # Where versioning was suspended, all later uploads of a key are the version "null".
        version_id="" if version_id in (None, "null") else version_id,
        # A few events carry it in quotes.
        etag=found.get("etag", found.get("eTag", "")).strip('"'),
        size=int(found.get("size", 0)),
        sequencer=found.get("sequencer", ""),
        time=time,
    )
