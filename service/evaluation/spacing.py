"""Words that are written together or apart, such as "log in" and "login": a difference that cannot be heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """The words of a reference, and its pairs of words by what they are if written together."""

    words: frozenset[str]
    pairs: Mapping[str, str]

    @classmethod
    def of(cls, reference: Sequence[str]) -> Self:
        """The spacing of normalised turns; digits are left alone."""
        turns = [turn.split() for turn in reference]
        return cls(
            words=frozenset(word for words in turns for word in words),
            pairs={
                first + second: f"{first} {second}"
                for words in turns
                for first, second in pairwise(words)
                if first.isalpha() and second.isalpha()
            },
        )

    def apply(self, text: str) -> str:
        """Normalised text, its words written together or apart as in the reference.

        >>> Spacing.of(["please log in", "touchtone keypad"]).apply("login with the touch tone key pad")
        'log in with the touchtone keypad'
        """
        spaced: list[str] = []
        for word in text.split():
            together = spaced[-1] + word if spaced and word.isalpha() and spaced[-1].isalpha() else ""
            if together in self.words and not {spaced[-1], word} <= self.words:
                spaced[-1] = together
            elif word in self.pairs and word not in self.words:
                spaced += self.pairs[word].split()
            else:
                spaced.append(word)
        return " ".join(spaced)
