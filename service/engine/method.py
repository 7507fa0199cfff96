"""The engine's method: how speech becomes windows, and which hypotheses are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from service.engine import gates
from service.engine.decoding import Hypothesis
from service.engine.windows import Window
from service.engine.words import HeardWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way of calls through the engine.

    Attributes:
        contiguous: windows keep their silences.
        doubtful: sounds that the voice detector refuses are tried, too.
        tries: that count as done before a window's first; after enough of them nothing is transcribed again.
        passes: whether a hypothesis may be kept.
        fallbacks: the decoder's options for each further try of a window.
    """

    contiguous: bool
    doubtful: bool
    tries: int
    passes: Callable[[Window, Hypothesis, Sequence[HeardWord]], bool]
    fallbacks: Callable[[Window], tuple[dict[str, Any], ...]]


GATED = Method(contiguous=False, doubtful=True, tries=0, passes=gates.passes, fallbacks=gates.fallbacks)
EXACT = Method(
    contiguous=True,
    doubtful=False,
    tries=gates.MAX_TRIES,
    passes=lambda _window, _hypothesis, _words: True,
    fallbacks=lambda _window: (),
)
