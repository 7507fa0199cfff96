"""The gates that a hypothesis must pass, and the alternatives if it fails.

Nothing is sampled, so that the same recording gives the same words on every run.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from service.engine.account import too_fast
from service.engine.decoding import NO_SPEECH_PROBABILITY, Hypothesis
from service.engine.sound import Speech
from service.engine.windows import Window
from service.engine.words import HeardWord

# Options of the decoder after a first failure.
FALLBACKS: tuple[dict[str, Any], ...] = ({"beam_size": 1},)
# The same for speech without a pause, which cannot be tried in parts. The penalty also deletes true repetitions.
LAST_FALLBACKS: tuple[dict[str, Any], ...] = (*FALLBACKS, {"repetition_penalty": 1.2})
# In a loop the words pile up: this share of them is this short.
PILED_SECONDS, PILED_SHARE = 0.07, 0.3
# In a language that is not spoken the loop takes its time: one word so often in a row, at such a probability.
LOOP_WORDS, LOOP_LOG_PROBABILITY = 5, -0.6
# A click or two can become a "Thank you." that is more probable than Whisper's own gate for silence allows.
SHORT_SECONDS, SHORT_LOG_PROBABILITY = 2.0, -0.6
# A sound that the voice detector refuses needs a hypothesis as certain as this.
DOUBTFUL_LOG_PROBABILITY, DOUBTFUL_WORD_PROBABILITY = -0.6, 0.6
DOUBTFUL_NO_SPEECH = 0.4
DOUBTFUL_WORDS_PER_SECOND = 0.7
# How often the same speech is transcribed again, and the share of unheard speech from which it is split first.
MAX_TRIES = 3
SPLIT_SHARE = 0.8


def passes(window: Window, hypothesis: Hypothesis, words: Sequence[HeardWord]) -> bool:
    """Whether a hypothesis may be kept."""
    if hypothesis.silent or hypothesis.guessed or hypothesis.cut_off or too_fast(window, words):
        return False
    # People repeat themselves, too, but each repetition takes its time.
    if (hypothesis.repetitive and _piled(words)) or _loops(hypothesis, words):
        return False
    if window.speech_seconds < SHORT_SECONDS and _improbable(hypothesis):
        return False
    return not window.doubtful or _certain(window, hypothesis, words)


def fallbacks(window: Window) -> tuple[dict[str, Any], ...]:
    """The decoder's options for each further try of a window."""
    if window.doubtful:
        return ()
    return FALLBACKS if len(window.speech) > 1 else LAST_FALLBACKS


def parts_to_repeat(window: Window, left: Sequence[Speech]) -> list[Sequence[Speech]]:
    """The parts of a window to transcribe again if the speech `left` was not heard; none after enough tries."""
    if window.doubtful or window.tries >= MAX_TRIES:
        return []
    if sum(part.length for part in left) < SPLIT_SHARE * sum(speech.certain.length for speech in window.speech):
        return [left]
    # Hardly anything was heard. The same window would give the same result, so each side of its widest pause alone.
    speech = window.speech
    if len(speech) == 1:
        return []
    middle = max(range(1, len(speech)), key=lambda n: speech[n].start - speech[n - 1].end)
    return [speech[:middle], speech[middle:]]


def _piled(words: Sequence[HeardWord]) -> bool:
    return bool(words) and float(np.mean([word.end - word.start < PILED_SECONDS for word in words])) > PILED_SHARE


def _loops(hypothesis: Hypothesis, words: Sequence[HeardWord]) -> bool:
    spoken = [word.text.strip().strip(".,!?").lower() for word in words]
    longest = max((len(list(run)) for _, run in groupby(spoken)), default=0)
    return longest >= LOOP_WORDS and hypothesis.average_log_probability < LOOP_LOG_PROBABILITY


def _improbable(hypothesis: Hypothesis) -> bool:
    return (
        hypothesis.no_speech_probability > NO_SPEECH_PROBABILITY
        and hypothesis.average_log_probability < SHORT_LOG_PROBABILITY
    )


def _certain(window: Window, hypothesis: Hypothesis, words: Sequence[HeardWord]) -> bool:
    return (
        hypothesis.average_log_probability > DOUBTFUL_LOG_PROBABILITY
        and hypothesis.no_speech_probability < DOUBTFUL_NO_SPEECH
        and not hypothesis.repetitive
        and len(words) >= DOUBTFUL_WORDS_PER_SECOND * window.speech_seconds
        and float(np.mean([word.probability for word in words])) > DOUBTFUL_WORD_PROBABILITY
    )
