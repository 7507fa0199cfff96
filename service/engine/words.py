"""Aligned tokens → words in call time, each inside the speech that it was heard in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from faster_whisper.transcribe import merge_punctuations

from service.engine.windows import Window

PREPENDED_PUNCTUATION = "\"'“¿([{-"
APPENDED_PUNCTUATION = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001 - full-width marks are meant
SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")  # noqa: RUF001 - full-width marks are meant
# Their point does not end a sentence.
TITLES = ("mr.", "mrs.", "ms.", "dr.", "st.", "mme.", "m.", "sr.", "sra.", "prof.")
# The cost, in seconds, of a cut in front of a word, after a comma and elsewhere. After a sentence it is free.
CLAUSE_CUT, UNLIKELY_CUT = 0.2, 0.5
# A word that ends after its span's speech counts this share of a word outside of it.
OVERHANG = 0.2
# A segment's first or last word extends to the border of its sound if that is not farther away than this.
REACH_SECONDS = 1.4
# A word lasts no longer than its letters take.
WORD_SECONDS, LETTER_SECONDS = 0.5, 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedWord:
    """One word as the model aligned it, in seconds of the window; `cut_cost` is the cost of a cut in front of it."""

    start: float
    end: float
    text: str
    probability: float
    cut_cost: float
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardWord:
    """One word in call time, in seconds.

    Attributes:
        start: of the word as aligned.
        end: of the word as aligned.
        text: with the space in front of it, if it has one.
        probability: 0 to 1.
        span: the index of the window's span that it lies in.
        sound_start: the beginning of the sound that it opens, or its own start.
        sound_end: the end of the sound that it closes, or its own end.
        tokens: that it consists of.
    """

    start: float
    end: float
    text: str
    probability: float
    span: int
    sound_start: float
    sound_end: float
    tokens: tuple[int, ...] = ()


def read_words(alignment: list[dict[str, Any]], window: Window) -> list[HeardWord]:
    """The words of a window, from its alignment (`word`, `tokens`, `start`, `end`, `probability`), which is changed."""
    merge_punctuations(alignment, PREPENDED_PUNCTUATION, APPENDED_PUNCTUATION)
    words: list[AlignedWord] = []
    for item in alignment:
        if item["word"]:
            words.append(_aligned(item, before=words[-1].text.rstrip() if words else "."))
    return _into_call_time(words, assign_spans(words, window), window)


def assign_spans(words: Sequence[AlignedWord], window: Window) -> list[int]:
    """The index of the span of each word, in order, so that words lie near their speech and cuts between sentences.

    Beside a cut, a word's aligned time says little: it may include the silence before it, or be some tenths early.
    The cheapest assignment is found by dynamic programming: seconds outside the span's speech, and the cost of cuts.
    """
    speech = window.speech_in_spans()
    best = [0.0] + [float("inf")] * (len(speech) - 1)
    choices: list[list[int]] = []
    for index, word in enumerate(words):
        if index == 0:
            # Any span may hold the first word, without a cut.
            choices.append(list(range(len(speech))))
            best = [_distance(word, *stretch) for stretch in speech]
            continue
        choice, costs = [], []
        for span, stretch in enumerate(speech):
            came = min(range(span + 1), key=lambda k: best[k] + (word.cut_cost if k < span else 0.0))
            costs.append(best[came] + (word.cut_cost if came < span else 0.0) + _distance(word, *stretch))
            choice.append(came)
        choices.append(choice)
        best = costs
    span, assigned = min(range(len(speech)), key=best.__getitem__), []
    for choice in reversed(choices):
        assigned.append(span)
        span = choice[span]
    return assigned[::-1]


def ends_sentence(text: str) -> bool:
    """Whether a sentence may end with this word."""
    return text.strip().endswith(SENTENCE_ENDS) and text.strip().lower() not in TITLES


def _aligned(item: Mapping[str, Any], *, before: str) -> AlignedWord:
    cost = 0.0 if ends_sentence(before) else CLAUSE_CUT if before.endswith(",") else UNLIKELY_CUT
    return AlignedWord(
        start=item["start"],
        end=item["end"],
        text=item["word"],
        probability=float(item["probability"]),
        cut_cost=cost,
        tokens=tuple(item["tokens"]),
    )


def _distance(word: AlignedWord, start: float, end: float) -> float:
    """Seconds between a word and a stretch of speech; the end of a word is aligned better than its start."""
    return max(0.0, start - word.end) + max(0.0, word.start - end) + OVERHANG * max(0.0, word.end - end)


def _into_call_time(words: Sequence[AlignedWord], assigned: Sequence[int], window: Window) -> list[HeardWord]:
    stretches = [(speech.start_seconds, speech.end_seconds) for speech in window.speech]
    heard: list[HeardWord] = []
    for word, number in zip(words, assigned, strict=True):
        span = window.spans[number]
        near = [s for s in stretches if s[0] < span.end_seconds and s[1] > span.start_seconds]
        start, end = (window.to_call_time(seconds, span=number) for seconds in (word.start, word.end))
        low, high = _nearest(near, start, end)
        start = min(max(start, low), high)
        end = min(max(end, start), high)
        # The aligned time of a word includes silence and skipped words before it.
        start = max(start, end - WORD_SECONDS - LETTER_SECONDS * len(word.text))
        if heard and heard[-1].span == number:
            start = max(start, heard[-1].end)
            end = max(start, end)
        heard.append(
            HeardWord(
                start=start,
                end=end,
                text=word.text,
                probability=word.probability,
                span=number,
                sound_start=low,
                sound_end=high,
                tokens=word.tokens,
            )
        )
    before, after = [None, *heard[:-1]], [*heard[1:], None]
    return [
        _bounded(word, before=previous, following=following)
        for previous, word, following in zip(before, heard, after, strict=False)
    ]


def _bounded(word: HeardWord, *, before: HeardWord | None, following: HeardWord | None) -> HeardWord:
    """A word with the borders of its sound, or with its own times if it does not open or close the sound."""
    opens = before is None or before.span != word.span or before.end < word.sound_start
    closes = following is None or following.span != word.span or following.start > word.sound_end
    return replace(
        word,
        sound_start=word.sound_start if opens and word.start - word.sound_start < REACH_SECONDS else word.start,
        sound_end=word.sound_end if closes and word.sound_end - word.end < REACH_SECONDS else word.end,
    )


def _nearest(stretches: Sequence[tuple[float, float]], start: float, end: float) -> tuple[float, float]:
    """The stretch of speech that a word shares most time with, or else lies nearest to."""
    return max(stretches, key=lambda s: (min(end, s[1]) - max(start, s[0]), -abs(s[0] - start)))
