"""Short ways to speech, windows and words, in seconds."""

from collections.abc import Iterable

from service.engine.decoding import Hypothesis
from service.engine.sound import Span, Speech
from service.engine.windows import Window
from service.engine.words import AlignedWord, HeardWord
from service.recording import SAMPLE_RATE


def samples(seconds: float) -> int:
    """Seconds as a number of samples."""
    return round(seconds * SAMPLE_RATE)


def span(start: float, end: float) -> Span:
    """A span, in seconds."""
    return Span(start=samples(start), end=samples(end))


def speech(start: float, end: float) -> Speech:
    """Speech that the detector accepts from its beginning to its end, in seconds."""
    return Speech(start=samples(start), end=samples(end), certain=span(start, end))


def window(*stretches: tuple[float, float], doubtful: bool = False, tries: int = 0, channel: int = 0) -> Window:
    """A window of these stretches of speech, in seconds, each in a span of its own without padding."""
    return Window(
        channel=channel,
        spans=tuple(span(*stretch) for stretch in stretches),
        speech=tuple(speech(*stretch) for stretch in stretches),
        doubtful=doubtful,
        tries=tries,
    )


def heard(start: float, end: float, text: str = " word", *, in_span: int = 0, probability: float = 0.9) -> HeardWord:
    """A word in call time."""
    return HeardWord(
        start=start, end=end, text=text, probability=probability, span=in_span, sound_start=start, sound_end=end
    )


def aligned(start: float, end: float, *, cut_cost: float = 0.5) -> AlignedWord:
    """A word in window time."""
    return AlignedWord(start=start, end=end, text=" word", probability=0.9, cut_cost=cut_cost)


def hypothesis(
    text: str = " Hello.",
    *,
    log_probability: float = -0.3,
    no_speech: float = 0.1,
    compression: float = 1.0,
    cut_off: bool = False,
) -> Hypothesis:
    """A hypothesis with these measures."""
    return Hypothesis(
        tokens=[1],
        text=text,
        average_log_probability=log_probability,
        no_speech_probability=no_speech,
        compression_ratio=compression,
        cut_off=cut_off,
    )


def sounds(words: Iterable[HeardWord]) -> list[float]:
    """The beginnings and ends of the words' sounds, one after the other, to compare approximately."""
    return [border for word in words for border in (word.sound_start, word.sound_end)]
