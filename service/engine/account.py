"""The account of a window: its seconds of detected speech against the words that were heard in them."""

from collections.abc import Sequence
from itertools import groupby

from service.engine.sound import Span, Speech
from service.engine.windows import Window
from service.engine.words import HeardWord
from service.recording import SAMPLE_RATE

# Detected speech of this length without a word was not transcribed.
UNHEARD_SECONDS = 1.0
# A word may begin and end this far outside its aligned times.
WORD_SLACK_SECONDS = 0.3
# A word said this often in a row is a repetition.
REPETITIONS = 4
# Fast talkers stay below this over a whole window.
MAX_LETTERS_PER_SECOND = 28.0


def unheard(window: Window, words: Sequence[HeardWord]) -> list[Speech]:
    """The parts of a window's speech without a word, if they are long enough to contain one.

    Pauses between the parts do not count: several short calls in a row are as long as one.
    """
    found: list[Speech] = []
    borders = [0, *(sample for word in sorted(words, key=_taken) for sample in _taken(word)), window.spans[-1].end]
    for low, high in zip(borders[::2], borders[1::2], strict=True):
        parts = [
            Span(start=start, end=end)
            for speech in window.speech
            if (start := max(low, speech.certain.start)) < (end := min(high, speech.certain.end))
        ]
        if sum(part.length for part in parts) >= UNHEARD_SECONDS * SAMPLE_RATE:
            found += [Speech(start=part.start, end=part.end, certain=part) for part in parts]
    return found


def repetition(window: Window, words: Sequence[HeardWord]) -> list[Speech]:
    """The stretches of speech that hold nothing but a word said again and again, if the model miscounted it.

    It counts repetitions badly: one word in each stretch is right, anything else is not.
    """
    run = max((list(same) for _, same in groupby(words, key=_plain)), key=len, default=[])
    if len(run) < REPETITIONS:
        return []
    others = [word for word in words if _plain(word) != _plain(run[0])]
    stretches = [
        speech
        for speech in window.speech
        if speech.end_seconds > run[0].start
        and speech.start_seconds < run[-1].end
        and not any(_inside(word, speech) for word in others)
    ]
    miscounted = any(sum(_inside(word, speech) for word in run) != 1 for speech in stretches)
    return stretches if len(stretches) > 1 and miscounted else []


def outside(words: Sequence[HeardWord], stretches: Sequence[Speech]) -> list[HeardWord]:
    """The words that lie in none of the stretches."""
    return [word for word in words if not any(_inside(word, speech) for speech in stretches)]


def too_fast(window: Window, words: Sequence[HeardWord]) -> bool:
    """Whether there is more text than a person can say in the window's speech."""
    letters = sum(len(word.text.strip()) for word in words)
    return letters > MAX_LETTERS_PER_SECOND * (window.speech_seconds + 1)


def _plain(word: HeardWord) -> str:
    return word.text.strip(" .,!?-").lower()


def _inside(word: HeardWord, speech: Speech) -> bool:
    return speech.start_seconds <= (word.start + word.end) / 2 <= speech.end_seconds


def _taken(word: HeardWord) -> tuple[int, int]:
    slack = WORD_SLACK_SECONDS
    return round((word.start - slack) * SAMPLE_RATE), round((word.end + slack) * SAMPLE_RATE)
