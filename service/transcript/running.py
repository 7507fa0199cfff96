"""A running text: all that was said in call order, a line for each turn."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from service.transcript.scripts import unspaced
from service.transcript.transcript import Segment


def running_text(segments: Sequence[Segment]) -> str:
    """The text of segments."""
    return "".join(additions(segments))


def additions(segments: Sequence[Segment], *, after: Segment | None = None) -> Iterator[str]:
    """What each segment adds to the running text that ends with the segment `after`."""
    for before, segment in pairwise((after, *segments)):
        assert segment  # noqa: S101 - only the first may be none
        text = " ".join(segment.text.split())
        yield _between(before, segment.channel, text) + text


def _between(before: Segment | None, channel: int, text: str) -> str:
    if before is None:
        return ""
    if before.channel != channel:
        return "\n"
    last = before.text.rstrip()[-1:]
    return "" if unspaced(last) and unspaced(text[:1]) else " "
