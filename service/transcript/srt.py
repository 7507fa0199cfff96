"""SubRip subtitles."""

from service.transcript.cues import timestamp
from service.transcript.text import line
from service.transcript.transcript import Transcript


def render(transcript: Transcript) -> str:
    """A numbered cue per segment; the format has no markup for speakers, so their names are part of the text."""
    return "\n".join(
        f"{number}\n{timestamp(segment.start, ',')} --> {timestamp(segment.end, ',')}\n{line(transcript, segment)}\n"
        for number, segment in enumerate(transcript.segments, start=1)
    )
