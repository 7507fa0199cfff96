"""WebVTT subtitles."""

from html import escape

from service.transcript.cues import Cue, cues, timestamp
from service.transcript.text import speaker
from service.transcript.transcript import Transcript


def render(transcript: Transcript) -> str:
    """The cues; a recording of several channels names speakers in voice tags."""
    return "\n".join(
        [
            "WEBVTT\n",
            *(
                f"{timestamp(cue.start, '.')} --> {timestamp(cue.end, '.')}\n{_payload(transcript, cue)}\n"
                for cue in cues(transcript)
            ),
        ]
    )


def _payload(transcript: Transcript, cue: Cue) -> str:
    name = speaker(transcript, cue.channel)
    text = escape("\n".join(cue.lines), quote=False)
    return f"<v {name}>{text}" if name else text
