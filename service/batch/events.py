"""Messages on the queue, and the uploads that they announce."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from service.messages import Message, ReceiptGone

# The batch path knows messages and their uploads from here.
__all__ = ["Message", "ReceiptGone", "UnknownMessage", "Upload", "announcement", "uploads"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One version of one recording in S3, as an event announced it.

    Attributes:
        version_id: empty if the bucket keeps no versions, or if the event names none.
        sequencer: hexadecimal, grows with each write of the same key; empty if the event has none.
        time: when it was written, ISO 8601 in UTC; orders uploads that have no sequencers.
    """

    bucket: str
    key: str
    version_id: str = ""
    etag: str = ""
    size: int = 0
    sequencer: str = ""
    time: str = ""

    @property
    def version(self) -> str:
        """Identifies this version among those of the same key."""
        return self.version_id or self.etag

    def follows(self, other: "Upload") -> bool:
        """Whether this version was written after `other`, a version of the same key."""
        if self.sequencer and other.sequencer:
            # As AWS says: pad the shorter one with zeros on the right, then compare as text.
            width = max(len(self.sequencer), len(other.sequencer))
            return self.sequencer.upper().ljust(width, "0") > other.sequencer.upper().ljust(width, "0")
        return self.time > other.time


class UnknownMessage(ValueError):
    """The message is not an S3 event; retrying cannot help, so it goes to the dead letters for a person to look at."""


def uploads(body: str, *, bucket: str = "") -> list[Upload]:
    """The uploads that a message announces; none for the event that S3 sends to test a queue.

    Args:
        body: an EventBridge event, or an S3 event notification with one or several records; either may be wrapped in
            a notification of SNS.
        bucket: the recordings bucket; uploads to any other bucket are rejected. Empty accepts every bucket.

    Raises:
        UnknownMessage: the body is anything else.
    """
    try:
        message = _unwrapped(json.loads(body))
        if message.get("Event") == "s3:TestEvent":
            return []
        found = [_record(record) for record in message["Records"]] if "Records" in message else [_event(message)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnknownMessage("neither an EventBridge event nor an S3 event notification") from error
    if any(not upload.version for upload in found):
        raise UnknownMessage("an upload without version and entity tag")
    if bucket and any(upload.bucket != bucket for upload in found):
        raise UnknownMessage("an upload to a bucket other than the recordings bucket")
    return found


def _unwrapped(message: dict[str, Any]) -> dict[str, Any]:
    """The message that SNS delivers in an envelope of its own, unless the subscription asks for raw delivery."""
    if message.get("Type") != "Notification":
        return message
    inner: dict[str, Any] = json.loads(message["Message"])
    return inner


def announcement(upload: Upload) -> str:
    """The body of a message that announces an upload again, in the form of EventBridge."""
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
        raise UnknownMessage(f"an event other than an upload: {event['detail-type']}")
    found = event["detail"]["object"]
    return _upload(event["detail"], key=found["key"], version_id=found.get("version-id"), time=event["time"])


def _record(record: dict[str, Any]) -> Upload:
    if not record["eventName"].removeprefix("s3:").startswith("ObjectCreated:"):
        raise UnknownMessage(f"a record other than an upload: {record['eventName']}")
    found = record["s3"]["object"]
    # S3 event notifications encode keys as HTML forms do; EventBridge does not.
    key = unquote_plus(found["key"])
    return _upload(record["s3"], key=key, version_id=found.get("versionId"), time=record["eventTime"])


def _upload(detail: dict[str, Any], *, key: str, version_id: str | None, time: str) -> Upload:
    found = detail["object"]
    return Upload(
        bucket=detail["bucket"]["name"],
        key=key,
        # While versioning is suspended, every upload of a key becomes the version "null".
        version_id="" if version_id in (None, "null") else version_id,
        # Some events quote the entity tag.
        etag=found.get("etag", found.get("eTag", "")).strip('"'),
        size=int(found.get("size", 0)),
        sequencer=found.get("sequencer", ""),
        time=time,
    )
