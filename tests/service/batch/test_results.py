"""The documents in the transcripts bucket, against their published schema."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from service.batch import results
from service.batch.events import Upload
from service.engine.engine import Engine
from service.errors import DiskFull, EmptyFile
from service.recording import Gap
from service.transcript import UNDETERMINED, Transcript, Unheard
from tests.service.calls import SETTINGS, recording

SCHEMA = Path(__file__).parents[3] / "docs" / "transcript.schema.json"
UPLOAD = Upload(
    bucket="recordings",
    key="a/b.wav",
    version_id="v1",
    etag="e1",
    size=7,
    sequencer="0055AED6DCD90281E5",
    time="2026-01-31T12:00:00Z",
)
AT = "2026-01-31T12:00:00.000+00:00"


@cache
def heard() -> Transcript:
    """The stand-in's transcript of the voicemail, with the times of its words."""
    return Engine.load(SETTINGS).transcribe(recording("voicemail.wav"), words=True)


def transcribed(transcript: Transcript) -> bytes:
    """The document of a transcript, as a worker stores it."""
    return results.transcript_document(
        UPLOAD, transcript, settings=SETTINGS, encoder="openvino 1", processing_seconds=1.5, at=AT
    )


def documents() -> dict[str, bytes]:
    """A document of each kind, as the service writes it."""
    silent = Transcript(language=UNDETERMINED, language_probability=0.0, duration=0.0, channels=1, segments=())
    gap, unheard = Gap(start=0.0, end=58.0), Unheard(channel=0, start=59.0, end=60.5)
    lacking = replace(heard(), missing_seconds=58.0, gaps=(gap,), unheard=(unheard,))
    bare = replace(UPLOAD, version_id="", sequencer="", size=0)
    return {
        "transcribed": transcribed(heard()),
        "silent": transcribed(silent),
        "incomplete": results.incomplete_document(UPLOAD, transcribed(lacking)),
        "failed": results.failure_document(bare, EmptyFile(), at=AT),
        "latest": results.latest_document(UPLOAD),
        "running": results.running_document(UPLOAD, worker="host", attempt=1, started=AT, at=AT, share=0.5),
        "waiting": results.running_document(
            UPLOAD, worker="host", attempt=1, started=AT, at=AT, share=0.5, error=DiskFull(purpose="download")
        ),
    }


@cache
def validator(kind: str = "") -> Draft202012Validator:
    """The validator of one kind of document, or of all."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    if kind:
        schema = {"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def closed(schema: Any) -> Any:
    """The schema, with additional properties forbidden everywhere."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: closed(part) for name, part in schema.items()}
    return inside | ({"additionalProperties": False} if "required" in schema and "properties" in schema else {})


@pytest.mark.parametrize("kind", ["transcribed", "silent", "incomplete", "failed", "latest", "running", "waiting"])
def test_document_is_as_published(kind: str) -> None:
    """The schema accepts each document and describes each of its fields."""
    document = json.loads(documents()[kind])
    assert best_match(validator().iter_errors(document)) is None
    kind = {"silent": "transcribed", "waiting": "running"}.get(kind, kind)
    assert best_match(Draft202012Validator(closed(validator(kind).schema)).iter_errors(document)) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), 2),
        (("recording", "version"), ""),
        (("provenance", "transcribed_at"), "yesterday"),
        (("provenance", "real_time_factor"), -1),
        (("transcript", "language"), "English"),
        (("transcript", "segments", 0, "channel"), -1),
        (("transcript", "segments", 0, "words", 0, "probability"), 1.5),
    ],
)
def test_document_with_a_wrong_value_is_rejected(path: tuple[str | int, ...], value: object) -> None:
    """The schema constrains values, not only names."""
    document = json.loads(documents()["transcribed"])
    *way, last = path
    part = document
    for step in way:
        part = part[step]
    part[last] = value
    error = best_match(validator("transcribed").iter_errors(document))
    assert error is not None
    assert tuple(error.absolute_path) == path


def test_incomplete_document_has_no_words() -> None:
    """Operators may read it, but no transcript."""
    words = {word for segment in heard().segments for word in segment.text.split()}
    assert words
    assert not words & set(documents()["incomplete"].decode().split())
    assert json.loads(documents()["incomplete"]).keys().isdisjoint({"transcript", "segments"})


def test_stored_transcript_is_read_back_as_it_was_rounded() -> None:
    """Renderings are made from the stored document, so that they agree with it."""
    stored = transcribed(heard())
    assert results.read_transcript(stored).to_dict() == json.loads(stored)["transcript"]
