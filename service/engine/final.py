"""Segments of a call that is still being transcribed: those that nothing to come can change or precede."""

from collections.abc import Callable, Sequence
from itertools import takewhile

from service.engine.segments import SLACK_SECONDS, Passage, make_segments
from service.transcript import Segment

Listener = Callable[[Sequence[Segment]], None]


class FinalSegments:
    """Tells a listener of each segment once, in call order, as soon as it is final."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._told = 0

    def tell(self, passages: Sequence[Passage], *, until: float) -> None:
        """Tell of the segments that have become final.

        Args:
            passages: all that was heard so far.
            until: no word that is still to be heard begins before, in seconds of the recording.
        """
        # A later word could still cut a segment that lasts until then.
        final = list(takewhile(lambda segment: segment.end + SLACK_SECONDS <= until, make_segments(passages)))
        if further := final[self._told :]:
            self._listener(further)
            self._told = len(final)
