"""What is kept of each recording: where its results lie in the transcripts bucket, and what is in them.

    transcripts/NAME/VERSION.json   the transcript and where it came from; written once, and by that the call is done
    transcripts/NAME/VERSION.vtt    rendered from it
    transcripts/NAME/VERSION.txt    rendered from it
    transcripts/NAME/latest.json    the newest version that has a transcript; moves only forward
    failed/NAME/VERSION.json        why there is none
    running/NAME/VERSION.json       who is at it; for people, nothing depends on it

NAME is the recording's key. Documents are described by docs/transcript.schema.json.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from service import processor
from service.batch.events import Upload
from service.errors import ServiceError
from service.settings import Settings
from service.transcript import Transcript

SCHEMA = 1
# S3 takes keys of 1024 bytes; a prefix, a version and a suffix need their part.
MAX_NAME_BYTES = 850


def name(key: str) -> str:
    """The recording's key; of one that leaves no room for more, its beginning and its digest."""
    if len(key.encode()) <= MAX_NAME_BYTES:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return key.encode()[: MAX_NAME_BYTES - 65].decode(errors="ignore") + "~" + digest


@dataclass(frozen=True, slots=True)
class Places:
    """Keys of an upload's results."""

    upload: Upload

    @property
    def transcript(self) -> str:
        """The one that is written once."""
        return self._key("transcripts", f"{self.upload.version}.json")

    @property
    def renderings(self) -> dict[str, str]:
        """Where each format goes that is rendered from the transcript."""
        return {
            form: self._key("transcripts", f"{self.upload.version}.{suffix}")
            for form, suffix in (("vtt", "vtt"), ("text", "txt"))
        }

    @property
    def latest(self) -> str:
        """The pointer that all versions of a recording share."""
        return self._key("transcripts", "latest.json")

    @property
    def failure(self) -> str:
        """Why there is no transcript."""
        return self._key("failed", f"{self.upload.version}.json")

    @property
    def running(self) -> str:
        """Who is at it."""
        return self._key("running", f"{self.upload.version}.json")

    def _key(self, kind: str, last: str) -> str:
        return f"{kind}/{name(self.upload.key)}/{last}"


def transcript_document(
    upload: Upload, transcript: Transcript, *, settings: Settings, processing_seconds: float, at: str
) -> bytes:
    """The transcript with where it came from: what was heard, by what, and what that took."""
    return _document(
        upload,
        provenance={
            "model": settings.model,
            "model_sha256": settings.model_sha256,
            "compute_type": processor.number_format(settings.compute_type),
            "beam_size": settings.beam_size,
            "window_seconds": settings.window_seconds,
            "image": settings.image,
            "transcribed_at": at,
            "processing_seconds": round(processing_seconds, 3),
            "real_time_factor": round(processing_seconds / transcript.duration, 5) if transcript.duration else None,
            "cost_dollars": round(processing_seconds * settings.dollars_per_hour / 3600, 8),
        },
        transcript=transcript.to_dict(),
    )


def failure_document(upload: Upload, error: ServiceError, *, at: str) -> bytes:
    """Why an upload has no transcript and will have none."""
    reason = {
        "code": error.code,
        "message": error.message,
        "field": error.field,
        "value": str(error.value),
        "expected": error.expected,
    }
    return _document(upload, error=reason, at=at)


def latest_document(upload: Upload) -> bytes:
    """Which version of a recording is the newest that was transcribed."""
    return _document(upload, transcript=Places(upload).transcript)


def running_document(upload: Upload, *, worker: str, attempt: int, started: str, at: str, share: float) -> bytes:
    """Who is at it since when, how far (0 to 1), and when that was known."""
    return _document(upload, worker=worker, attempt=attempt, started=started, at=at, share=round(share, 3))


def read_transcript(document: bytes) -> Transcript:
    """The transcript in a document that `transcript_document` wrote."""
    return Transcript.from_dict(json.loads(document)["transcript"])


def read_recording(document: bytes) -> dict[str, Any]:
    """Which upload a document of this module is about: the fields of `Upload`, and `version`."""
    recording: dict[str, Any] = json.loads(document)["recording"]
    return recording


def _document(upload: Upload, **rest: Any) -> bytes:
    recording = asdict(upload) | {"version": upload.version}
    return json.dumps({"schema": SCHEMA, "recording": recording, **rest}, ensure_ascii=False).encode()
