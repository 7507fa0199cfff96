"""The parts of a line that several renderings share: the speaker's name and the time."""

from service.transcript.transcript import Segment, Transcript


def speaker(transcript: Transcript, segment: Segment) -> str:
    """The name of a segment's speaker; empty if the recording has only one channel."""
    return f"Channel {segment.channel}" if transcript.channels > 1 else ""


def timestamp(seconds: float, decimal_mark: str) -> str:
    """Seconds as hours, minutes, seconds and milliseconds.

    >>> timestamp(3661.5, ",")
    '01:01:01,500'
    """
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{decimal_mark}{milliseconds % 1000:03}"
