"""Messages on the queue, and what they say: which recordings were uploaded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One version of one recording in S3, as an event announced it.

    Attributes:
        version_id: empty where the bucket keeps no versions, or the event does not say.
        sequencer: hexadecimal, grows with each write of the same key; empty where the event does not say.
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
        """What tells this version from the key's others."""
        return self.version_id or self.etag

    def follows(self, other: Mapping[str, str]) -> bool:
        """Whether this was written after `other`, the `sequencer` and `time` of a document."""
        if self.sequencer and other["sequencer"]:
            # AWS: compare as text, the shorter one filled up with zeros on the right.
            width = max(len(self.sequencer), len(other["sequencer"]))
            return self.sequencer.upper().ljust(width, "0") > other["sequencer"].upper().ljust(width, "0")
        return self.time > other["time"]


class UnknownMessage(ValueError):
    """The message is none of S3's; retrying it is useless, and so is losing it: it belongs to the dead letters."""


class ReceiptGone(Exception):
    """The message is no longer this receiver's: it was silent for too long, or the message was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as it was received: `receives` counts from 1, `sent` is in seconds since 1970."""

    identity: str
    receipt: str
    body: str
    receives: int
    sent: float


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
