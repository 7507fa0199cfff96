"""The results of a recording: their keys in the transcripts bucket, and their content.

    transcripts/NAME/VERSION.json   the transcript and its provenance; written once, which completes the recording
    transcripts/NAME/VERSION.vtt    rendered from it
    transcripts/NAME/VERSION.txt    rendered from it
    transcripts/NAME/latest.json    points to the newest version with a transcript; moves only forward
    partial/NAME/VERSION.json       beside the transcript, if audio is missing: how much, and in which places
    unheard/NAME/VERSION.json       beside the transcript, if no audio is missing, but speech gave no words
    failed/NAME/VERSION.json        the reason why there is no transcript
    running/NAME/VERSION.json       which worker is transcribing it; only for people to read

NAME is the recording's key. `request_id` in a document finds the lines about it in the log. docs/transcript.schema.json describes the documents.
"""

import json
from dataclasses import asdict, fields
from typing import Any

from service.batch.events import Upload
from service.contract import Outcome
from service.errors import ServiceError
from service.provenance import transcript_provenance
from service.result_keys import FOLDERS, INCOMPLETE, ResultKeys, State, name
from service.settings import Settings
from service.transcript import Transcript

SCHEMA = 1
# The documents and their keys are read together.
__all__ = ["FOLDERS", "INCOMPLETE", "ResultKeys", "State", "name"]


def transcript_document(
    upload: Upload,
    transcript: Transcript,
    *,
    settings: Settings,
    encoder: str,
    processing_seconds: float,
    at: str,
    request_id: str = "",
) -> bytes:
    """The transcript and its provenance: the recording, the model and its settings, the time and the cost."""
    return _document(
        upload,
        provenance={
            **transcript_provenance(settings, encoder=encoder),
            "request_id": request_id,
            "transcribed_at": at,
            "processing_seconds": round(processing_seconds, 3),
            "real_time_factor": round(processing_seconds / transcript.duration, 5) if transcript.duration else None,
            "cost_dollars": round(processing_seconds * settings.dollars_per_hour / 3600, 8),
        },
        transcript=transcript.to_dict(),
    )


def incomplete_state(transcript: Transcript) -> State | None:
    """The state of a recording whose transcript lacks something; None if it is complete."""
    return None if transcript.outcome is Outcome.SUCCEEDED else State(transcript.outcome)


def incomplete_document(upload: Upload, stored: bytes) -> bytes:
    """What the transcript in a document lacks; it has none of its words, so that operators may read it."""
    transcript, provenance = read_transcript(stored), json.loads(stored)["provenance"]
    facts = transcript.to_dict()
    parts = {name: facts[name] for name in ("duration", "missing_seconds", "gaps", "unheard")}
    unheard_seconds = round(transcript.unheard_seconds, 3)
    return _document(upload, at=provenance["transcribed_at"], **parts, unheard_seconds=unheard_seconds)


def failure_document(upload: Upload, error: ServiceError, *, at: str, request_id: str = "") -> bytes:
    """The reason why an upload has no transcript and will have none."""
    reason = {
        "code": error.code,
        "message": error.message,
        "field": error.field,
        "value": str(error.value),
        "expected": error.expected,
    }
    return _document(upload, error=reason, request_id=request_id, at=at)


def latest_document(upload: Upload) -> bytes:
    """A pointer to the newest version of a recording that has a transcript."""
    return _document(upload, transcript=ResultKeys(upload).transcript)


def running_document(
    upload: Upload,
    *,
    worker: str,
    attempt: int,
    started: str,
    at: str,
    share: float,
    request_id: str = "",
    error: ServiceError | None = None,
) -> bytes:
    """Which worker is transcribing an upload, since when, and the `share` (0 to 1) that was done by `at`.

    With an error, which worker had it last, and why that attempt failed.
    """
    failed = {"error": {"code": error.code, "message": error.message}} if error else {}
    return _document(
        upload,
        worker=worker,
        attempt=attempt,
        request_id=request_id,
        started=started,
        at=at,
        share=round(share, 3),
        **failed,
    )


def read_transcript(document: bytes) -> Transcript:
    """The transcript in a document that `transcript_document` wrote."""
    return Transcript.from_dict(json.loads(document)["transcript"])


def read_upload(document: bytes) -> Upload:
    """The upload that a document of this module is about."""
    recording = json.loads(document)["recording"]
    # A document of an older release may lack a field that has a default.
    return Upload(**{field.name: recording[field.name] for field in fields(Upload) if field.name in recording})


def _document(upload: Upload, **rest: Any) -> bytes:
    recording = asdict(upload) | {"version": upload.version}
    return json.dumps({"schema": SCHEMA, "recording": recording, **rest}, ensure_ascii=False).encode()
