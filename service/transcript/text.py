"""Plain text, a line per segment."""

from service.transcript.cues import speaker
from service.transcript.transcript import Segment, Transcript


def render(transcript: Transcript) -> str:
    """The segments' text; a recording of several channels names the speaker of each line."""
    return "\n".join(line(transcript, segment) for segment in transcript.segments)


def line(transcript: Transcript, segment: Segment) -> str:
    """A segment's text after its speaker's name, if it has one."""
    name = speaker(transcript, segment)
    return f"{name}: {segment.text}" if name else segment.text
