"""How a caller guides the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The model guesses one text instead of searching for the most probable one.
_SAMPLED: Mapping[str, Any] = {"beam_size": 1, "sampling_topk": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """A caller's wishes for one call, beside its language; the default ones change nothing.

    Attributes:
        languages: that are spoken in the call, as ISO 639 codes; detection chooses among them. Empty for the settings'.
        translate: the text is English, whatever is spoken.
        prompt: text that the model takes for what was said before, in front of each window.
        keywords: names and terms to expect; they follow the prompt, so that a long one never displaces them.
        temperature: of the first try of each window, 0 to 1; above 0 its text is sampled, and differs from run to run.
    """

    languages: frozenset[str] = frozenset()
    translate: bool = False
    prompt: str = ""
    keywords: tuple[str, ...] = ()
    temperature: float = 0.0

    @property
    def every_try(self) -> Mapping[str, Any]:
        """Options of the decoder for every try of a window."""
        context = " ".join(filter(None, (self.prompt.strip(), ", ".join(self.keywords))))
        return ({"translate": True} if self.translate else {}) | ({"context": context} if context else {})

    @property
    def first_try(self) -> Mapping[str, Any]:
        """Options of the decoder for the first try of a window; the further ones never sample."""
        sampled = {**_SAMPLED, "sampling_temperature": self.temperature} if self.temperature else {}
        return {**self.every_try, **sampled}


UNGUIDED = Guidance()
