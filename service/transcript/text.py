"""Plain text, a line per segment."""

from service.transcript.transcript import Transcript


def render(transcript: Transcript) -> str:
    """The segments' text; a recording of several channels names the speaker of each line."""
    lines = ((speaker(transcript, segment.channel), " ".join(segment.text.split())) for segment in transcript.segments)
    return "\n".join(f"{name}: {text}" if name else text for name, text in lines)


def speaker(transcript: Transcript, channel: int) -> str:
    """The name of a channel's speaker; empty if the recording has only one channel."""
    return f"Channel {channel}" if transcript.channels > 1 else ""
