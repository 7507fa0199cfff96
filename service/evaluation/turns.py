"""The turns of a call in its transcript: their order, their times, and words while their channel is silent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import jiwer
import numpy as np

from service.evaluation.error_rates import count_errors
from service.evaluation.normalisation import normalise
from service.evaluation.spacing import Spacing
from service.transcript import Segment

# A start or an end farther from the truth than this is late (or early).
PUNCTUAL_SECONDS = 0.3
# A word this close to a turn of its speaker may belong to it.
GHOST_SECONDS = 0.5
# A segment may miss the edges of a turn by this and still span it.
EDGE_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedTurn:
    """A turn with its normalised text and its times in seconds of the call."""

    channel: int
    text: str
    start: float
    end: float

    def overlaps(self, other: "TimedTurn") -> bool:
        """Whether both turns are spoken at the same time for a while."""
        return self.start < other.end and other.start < self.end


class Placement(NamedTuple):
    """How a transcript places one turn.

    Attributes:
        words: words of the turn.
        order_errors: word errors of the turn, with both speakers' words in call order.
        spanned: 1 if a segment of another speaker, who is silent, spans the turn, else 0.
        ghosts: words while their channel is silent, from the turn before to this one.
        start_error: start of the segment with its first word, minus its own; None if no word of it was found.
        end_error: end of the segment with its last word, minus its own; None if no word of it was found.
    """

    words: int
    order_errors: int
    spanned: int
    ghosts: int
    start_error: float | None
    end_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Punctuality:
    """Absolute errors of times in seconds, of the turns that were found, and the share of all turns within 0.3 s."""

    median: float
    p95: float
    within: float

    @classmethod
    def of(cls, errors: Sequence[float | None]) -> Self:
        """The punctuality of these errors.

        >>> Punctuality.of([0.1, -0.2, 0.4, None])
        Punctuality(median=0.2, p95=0.38, within=0.5)
        """
        found = np.abs([error for error in errors if error is not None])
        if not len(found):
            return cls(median=0.0, p95=0.0, within=0.0 if errors else 1.0)
        median, p95 = np.percentile(found, [50, 95])
        within = sum(punctual(error) for error in errors) / len(errors)
        return cls(median=round(float(median), 3), p95=round(float(p95), 3), within=within)


def punctual(error: float | None) -> bool:
    """Whether a time is close enough to the truth; the time of a turn that was not found is not."""
    # Times are rounded to 0.01 s in a transcript.
    return error is not None and abs(error) <= PUNCTUAL_SECONDS + 1e-6


def place(turns: Sequence[TimedTurn], segments: Sequence[Segment], *, language: str) -> list[Placement]:
    """How the segments of a call place its turns.

    Args:
        turns: at least one, in call order, their texts normalised.
        segments: in any order, with or without words.
        language: of the truth, for the normaliser.
    """
    segments = sorted(segments, key=lambda segment: (segment.start, segment.channel))
    spacing = Spacing.of([turn.text for turn in turns])
    texts = [spacing.apply(normalise(segment.text, language=language)) for segment in segments]
    in_order = count_errors([turn.text for turn in turns], " ".join(filter(None, texts)))
    borders = _borders(turns, segments, texts)
    ghosts = _ghosts(turns, segments, texts)
    return [
        Placement(
            words=errors.words,
            order_errors=errors.word_errors,
            spanned=int(any(_spans(segment, turn, turns) for segment in segments)),
            ghosts=ghosts[number],
            start_error=None if border is None else round(border[0] - turn.start, 3),
            end_error=None if border is None else round(border[1] - turn.end, 3),
        )
        for number, (turn, errors, border) in enumerate(zip(turns, in_order, borders, strict=True))
    ]


def spanning(turns: Sequence[TimedTurn], segments: Sequence[Segment]) -> list[Segment]:
    """The segments that span a turn of another speaker, while their own speaker is silent."""
    return [segment for segment in segments if any(_spans(segment, turn, turns) for turn in turns)]


def _spans(segment: Segment, turn: TimedTurn, turns: Sequence[TimedTurn]) -> bool:
    return (
        segment.channel != turn.channel
        and segment.start <= turn.start + EDGE_SECONDS
        and segment.end >= turn.end - EDGE_SECONDS
        and not any(own.overlaps(turn) for own in turns if own.channel == segment.channel)
    )


def _borders(
    turns: Sequence[TimedTurn], segments: Sequence[Segment], texts: Sequence[str]
) -> list[tuple[float, float] | None]:
    """For each turn, the start of the segment with its first word and the end of the one with its last."""
    borders: list[tuple[float, float] | None] = [None] * len(turns)
    for channel in {turn.channel for turn in turns}:
        turn_of = [n for n, turn in enumerate(turns) if turn.channel == channel for _ in turn.text.split()]
        segment_of = [
            segment
            for segment, text in zip(segments, texts, strict=True)
            if segment.channel == channel
            for _ in text.split()
        ]
        said = " ".join(turn.text for turn in turns if turn.channel == channel and turn.text)
        heard = " ".join(
            text for segment, text in zip(segments, texts, strict=True) if segment.channel == channel and text
        )
        if not said or not heard:
            continue
        chunks = jiwer.process_words(said, heard).alignments[0]
        # A misheard word may be aligned with one of another turn: it counts only if the turn has no right word.
        for kind in ("substitute", "equal"):
            found: dict[int, list[Segment]] = {}
            for chunk in chunks:
                if chunk.type == kind:
                    aligned = zip(
                        turn_of[chunk.ref_start_idx : chunk.ref_end_idx],
                        segment_of[chunk.hyp_start_idx : chunk.hyp_end_idx],
                        strict=True,
                    )
                    for turn, segment in aligned:
                        found.setdefault(turn, []).append(segment)
            for turn, of_turn in found.items():
                borders[turn] = (of_turn[0].start, of_turn[-1].end)
    return borders


def _ghosts(turns: Sequence[TimedTurn], segments: Sequence[Segment], texts: Sequence[str]) -> list[int]:
    """Words outside the turns of their channel; each is counted in the next turn to begin, or in the last."""
    ghosts = [0] * len(turns)
    for segment, text in zip(segments, texts, strict=True):
        own = [turn for turn in turns if turn.channel == segment.channel]
        for middle in _middles(segment, text):
            if not any(turn.start - GHOST_SECONDS <= middle <= turn.end + GHOST_SECONDS for turn in own):
                following = next((n for n, turn in enumerate(turns) if turn.start > middle), len(turns) - 1)
                ghosts[following] += 1
    return ghosts


def _middles(segment: Segment, text: str) -> list[float]:
    """The middle of each word, in seconds of the call; words without times are spread evenly over their segment."""
    if segment.words:
        return [(word.start + word.end) / 2 for word in segment.words]
    count = len(text.split())
    return [segment.start + (segment.end - segment.start) * (n + 0.5) / count for n in range(count)]
