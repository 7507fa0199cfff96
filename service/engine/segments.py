"""Words → segments: cut at our own cuts, at pauses and at sentence ends, and never across the other speaker's turn."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from service.engine.decoding import Hypothesis
from service.engine.words import HeardWord, ends_sentence
from service.transcript import Decoding, Segment, Word

# A pause of this length ends a segment.
PAUSE_SECONDS = 0.8
# A word of another channel ends a segment if it lies in a pause of this length, give or take the slack.
INTERRUPTED_SECONDS, SLACK_SECONDS = 0.2, 0.1

# The start and the end of each word, sorted.
Times = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The words of one window, with the hypothesis and the language that they share.

    `start` is that of the window, in seconds of the recording.
    """

    channel: int
    start: float
    words: tuple[HeardWord, ...]
    hypothesis: Hypothesis
    language: str


def make_segments(passages: Sequence[Passage]) -> list[Segment]:
    """The segments of all channels in call order, with their words."""
    segments: list[Segment] = []
    for channel in {passage.channel for passage in passages}:
        # Sorted, so that a long call does not compare every pause with every word.
        others = sorted((w.start, w.end) for passage in passages if passage.channel != channel for w in passage.words)
        for passage in passages:
            if passage.channel == channel:
                segments += _cut(passage, others)
    return sorted((segment for segment in segments if segment.text), key=lambda s: (s.start, s.channel))


def _cut(passage: Passage, others: Times) -> list[Segment]:
    segments: list[Segment] = []
    held: list[HeardWord] = []
    for word in passage.words:
        if held and _ends(held[-1], word, others):
            segments.append(_segment(held, passage))
            held = []
        held.append(word)
    return [*segments, _segment(held, passage)]


def _ends(word: HeardWord, following: HeardWord, others: Times) -> bool:
    """Whether a segment ends between two words of a passage; `others` are the other channels' words."""
    pause = following.start - word.end
    if following.span != word.span or pause >= PAUSE_SECONDS:
        return True
    if ends_sentence(word.text) and following.text.startswith(" "):
        return True
    return pause > INTERRUPTED_SECONDS and _interrupted(
        word.end - SLACK_SECONDS, following.start + SLACK_SECONDS, others
    )


def _interrupted(low: float, high: float, others: Times) -> bool:
    """Whether another channel has a word between two times."""
    inside = takewhile(lambda times: times[0] <= high, islice(others, bisect_left(others, (low,)), None))
    return any(end <= high for _, end in inside)


def _segment(held: Sequence[HeardWord], passage: Passage) -> Segment:
    words = tuple(
        Word(start=word.start, end=word.end, text=word.text.strip(), probability=word.probability)
        for word in held
        if word.text.strip()
    )
    return Segment(
        channel=passage.channel,
        start=held[0].sound_start,
        end=held[-1].sound_end,
        text="".join(word.text for word in held).strip(),
        average_log_probability=passage.hypothesis.average_log_probability,
        language=passage.language,
        words=words,
        decoding=Decoding(
            window_start=passage.start,
            tokens=tuple(token for word in held for token in word.tokens),
            temperature=passage.hypothesis.temperature,
            compression_ratio=passage.hypothesis.compression_ratio,
            no_speech_probability=passage.hypothesis.no_speech_probability,
        ),
    )
