"""Words → segments: cut at our own cuts, at pauses and at sentence ends, and never across the other speaker's turn."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.engine.words import SENTENCE_ENDS, HeardWord
from service.transcript import Segment, Word

# A pause of this length ends a segment.
PAUSE_SECONDS = 0.8
# A word of another channel ends a segment if it lies in a pause of this length, give or take the slack.
INTERRUPTED_SECONDS, SLACK_SECONDS = 0.2, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The words of one window, with the score and the language that they share."""

    channel: int
    words: tuple[HeardWord, ...]
    average_log_probability: float
    language: str


def make_segments(passages: Sequence[Passage], *, keep_words: bool) -> list[Segment]:
    """The segments of all channels in call order, with their words if those are asked for."""
    segments: list[Segment] = []
    for passage in passages:
        others = [word for other in passages if other.channel != passage.channel for word in other.words]
        held: list[HeardWord] = []
        for word in passage.words:
            if held and _ends(held[-1], word, others):
                segments.append(_segment(held, passage, keep_words=keep_words))
                held = []
            held.append(word)
        if held:
            segments.append(_segment(held, passage, keep_words=keep_words))
    return sorted((segment for segment in segments if segment.text), key=lambda s: (s.start, s.channel))


def _ends(word: HeardWord, following: HeardWord, others: Sequence[HeardWord]) -> bool:
    """Whether a segment ends between two words of a passage."""
    pause = following.start - word.end
    if following.span != word.span or pause >= PAUSE_SECONDS:
        return True
    if word.text.strip().endswith(SENTENCE_ENDS) and following.text.startswith(" "):
        return True
    return pause > INTERRUPTED_SECONDS and any(
        word.end - SLACK_SECONDS <= other.start and other.end <= following.start + SLACK_SECONDS for other in others
    )


def _segment(held: Sequence[HeardWord], passage: Passage, *, keep_words: bool) -> Segment:
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
        average_log_probability=passage.average_log_probability,
        language=passage.language,
        words=words if keep_words else (),
    )
