"""The word error rate of transcripts of sample calls."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jiwer

from demo.truth import Call
from service.evaluation.normalisation import normalise

Segments = Sequence[Mapping[str, Any]]


def word_error_rate(*heard: tuple[Call, Segments]) -> float:
    """Share of the calls' words that are wrong in the segments (`channel`, `text`); a channel counts against its own."""
    spoken, transcribed = zip(
        *(_texts(call, segments, channel) for call, segments in heard for channel in call.channels), strict=True
    )
    rate: float = jiwer.wer(list(spoken), list(transcribed))
    return rate


def _texts(call: Call, segments: Segments, channel: int) -> tuple[str, str]:
    """A channel's true text and the text of its segments, normalised."""
    spoken = (turn.text for turn in call.turns if turn.channel == channel)
    heard = (segment["text"] for segment in segments if segment["channel"] == channel)
    return _normalised(spoken, call.language), _normalised(heard, call.language)


def _normalised(texts: Iterable[str], language: str) -> str:
    return " ".join(filter(None, (normalise(text, language=language) for text in texts)))
