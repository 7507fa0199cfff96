"""SubRip subtitles."""

from service.transcript.cues import cues, timestamp
from service.transcript.text import speaker
from service.transcript.transcript import Transcript

ARROW = "-->"


def render(transcript: Transcript) -> str:
    """Numbered cues; the format has no markup for speakers, so each cue begins with the speaker's name.

    It has no escapes either: an arrow in the text, which would look like a line of times, is written as another one.
    """
    names = {channel: f"{name}: " for channel in range(transcript.channels) if (name := speaker(transcript, channel))}
    return "\n".join(
        f"{number}\n{timestamp(cue.start, ',')} {ARROW} {timestamp(cue.end, ',')}\n"
        f"{names.get(cue.channel, '')}{chr(10).join(cue.lines).replace(ARROW, '→')}\n"
        for number, cue in enumerate(cues(transcript), start=1)
    )
