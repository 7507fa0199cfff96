"""WebVTT subtitles."""

from html import escape

from service.transcript.cues import speaker, timestamp
from service.transcript.transcript import Segment, Transcript


def render(transcript: Transcript) -> str:
    """A cue per segment; a recording of several channels names speakers in voice tags."""
    cues = (
        f"{timestamp(segment.start, '.')} --> {timestamp(segment.end, '.')}\n{_payload(transcript, segment)}\n"
        for segment in transcript.segments
    )
    return "\n".join(["WEBVTT\n", *cues])


def _payload(transcript: Transcript, segment: Segment) -> str:
    name = speaker(transcript, segment)
    text = escape(segment.text, quote=False)
    return f"<v {name}>{text}" if name else text
