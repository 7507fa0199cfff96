"""A transcript in each of OpenAI's formats."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from starlette.responses import JSONResponse, Response

from service.http.late_answer import JSON, Form
from service.http.openai.names import NAMES
from service.http.openai.parameters import DIARIZED, VERBOSE, Parameters
from service.transcript import UNDETERMINED, Segment, Transcript, additions, render, running_text

# The formats other than JSON, with the white space that their readers skip.
PLAIN = {
    "text": Form(media_type="text/plain", space=b"\n"),
    "srt": Form(media_type="text/plain", space=b"\n"),
    "vtt": Form(media_type="text/vtt", opening=b"WEBVTT\n", space=b"\n"),
}
# Tells that the recording promised more audio than could be decoded, whatever the format.
MISSING_HEADER = "x-missing-seconds"
# Of a word whose probability is rounded to nothing.
LOWEST = 1e-9


def form_of(parameters: Parameters) -> Form:
    """The form of the answer."""
    return PLAIN.get(parameters.form, JSON)


def response(transcript: Transcript, parameters: Parameters) -> Response:
    """The answer to a request that is not streamed."""
    headers = {MISSING_HEADER: str(round(transcript.missing_seconds, 3))} if transcript.partial else None
    if form := PLAIN.get(parameters.form):
        text = running_text(transcript.segments) if parameters.form == "text" else render(transcript, parameters.form)
        return Response(f"{text}\n", media_type=form.media_type, headers=headers)
    return JSONResponse(_BODIES[parameters.form](transcript, parameters), headers=headers)


def languages(transcript: Transcript) -> list[dict[str, str]]:
    """The languages that were heard, in the order of their first segments."""
    codes = dict.fromkeys(segment.language for segment in transcript.segments)
    return [{"code": code} for code in codes if code and code != UNDETERMINED]


def losses(transcript: Transcript) -> dict[str, Any]:
    """The losses of a transcript: audio that could not be decoded, and speech that gave no words; empty if nothing is lost."""
    facts = transcript.to_dict()
    lost = ("partial", "missing_seconds", "gaps") if transcript.partial else ()
    return {key: facts[key] for key in (*lost, *(("unheard",) if transcript.unheard else ()))}


def log_probabilities(segment: Segment, addition: str) -> list[dict[str, Any]]:
    """The words of a segment's addition to the running text, each with the logarithm of its probability."""
    pieces, at = list[str](), 0
    for word in segment.words:
        found = addition.find(word.text, at)
        end = found + len(word.text) if found >= 0 else at
        pieces.append(addition[at:end])
        at = end
    if pieces:
        pieces[-1] += addition[at:]
    return [
        {
            "token": piece,
            "logprob": round(math.log(max(word.probability, LOWEST)), 4),
            "bytes": list(piece.encode()),
        }
        for piece, word in zip(pieces, segment.words, strict=True)
    ]


def all_log_probabilities(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """Those of the whole running text."""
    return list(chain.from_iterable(map(log_probabilities, segments, additions(segments))))


def diarized(segment: Segment, number: int, speakers: Sequence[str]) -> dict[str, Any]:
    """A segment with its speaker, in `diarized_json` and as an event."""
    return {
        "type": "transcript.text.segment",
        "id": segment_id(number),
        "start": round(segment.start, 2),
        "end": round(segment.end, 2),
        "text": segment.text,
        "speaker": speakers[segment.channel],
    }


def segment_id(number: int) -> str:
    """The id of a segment, counted from 0."""
    return f"seg_{number}"


def _json(transcript: Transcript, parameters: Parameters) -> dict[str, Any]:
    body = {
        "text": running_text(transcript.segments),
        "languages": languages(transcript),
        "usage": _usage(transcript),
        **losses(transcript),
    }
    if parameters.log_probabilities:
        body["logprobs"] = all_log_probabilities(transcript.segments)
    return body


def _verbose(transcript: Transcript, parameters: Parameters) -> dict[str, Any]:
    translated = parameters.guidance.translate
    body: dict[str, Any] = {
        "task": "translate" if translated else "transcribe",
        "language": NAMES["en" if translated and transcript.segments else transcript.language],
        "duration": round(transcript.duration, 3),
        "text": running_text(transcript.segments),
        "usage": _usage(transcript),
        **losses(transcript),
    }
    if "segment" in parameters.granularities:
        body["segments"] = [_segment(segment, number) for number, segment in enumerate(transcript.segments)]
    if "word" in parameters.granularities:
        words = sorted((word for segment in transcript.segments for word in segment.words), key=lambda w: w.start)
        body["words"] = [{"word": w.text, "start": round(w.start, 2), "end": round(w.end, 2)} for w in words]
    return body


def _segment(segment: Segment, number: int) -> dict[str, Any]:
    decoding = segment.decoding
    assert decoding  # noqa: S101 - only segments that were stored have lost it
    return {
        "id": number,
        "seek": round(decoding.window_start * 100),
        "start": round(segment.start, 2),
        "end": round(segment.end, 2),
        "text": segment.text,
        "tokens": list(decoding.tokens),
        "temperature": decoding.temperature,
        "avg_logprob": round(segment.average_log_probability, 4),
        "compression_ratio": round(decoding.compression_ratio, 4),
        "no_speech_prob": round(decoding.no_speech_probability, 4),
    }


def _diarized(transcript: Transcript, parameters: Parameters) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "duration": round(transcript.duration, 3),
        "text": running_text(transcript.segments),
        "segments": [
            diarized(segment, number, parameters.speakers) for number, segment in enumerate(transcript.segments)
        ],
        "usage": _usage(transcript),
        **losses(transcript),
    }


def _usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": round(transcript.duration, 3)}


_BODIES: Mapping[str, Callable[[Transcript, Parameters], dict[str, Any]]] = {
    "json": _json,
    VERBOSE: _verbose,
    DIARIZED: _diarized,
}
