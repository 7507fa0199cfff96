"""The sentences the demo model was taught, drawn at random from `phrases.toml`."""

import random
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """The sentences of one language, with {slots}, and the words that fill each slot."""

    language: str
    sentences: tuple[str, ...]
    slots: Mapping[str, tuple[str, ...]]

    @classmethod
    def load(cls, language: str) -> Self:
        """Read one language of `phrases.toml`: `en` or `fr`."""
        phrases = tomllib.loads(Path(__file__).with_name("phrases.toml").read_text("utf-8"))[language]
        return cls(
            language=language,
            sentences=tuple(phrases["sentences"]),
            slots={name: tuple(words) for name, words in phrases["slots"].items()},
        )

    def fill(self, template: str, rng: random.Random, known: Mapping[str, str] | None = None) -> str:
        """The template with every slot filled, from `known` where it has the slot.

        >>> Grammar.load("en").fill("Your {thing} is {digit}.", random.Random(1), {"thing": "refund"})
        'Your refund is two.'
        """
        known = known or {}
        return SLOT.sub(lambda slot: known.get(slot[1]) or rng.choice(self.slots[slot[1]]), template)

    def sentence(self, rng: random.Random) -> str:
        """A random sentence."""
        return self.fill(rng.choice(self.sentences), rng)

    def babble(self, rng: random.Random) -> str:
        """Two to eight words in random order: the decoder must listen, since it can't guess what follows."""
        words = self.words()
        text = " ".join(rng.choice(words) for _ in range(rng.randint(2, 8)))
        return text[0].upper() + text[1:] + "."

    def words(self) -> list[str]:
        """Every word there is, in lower case except names and the English I; sorted."""
        fixed = " ".join(SLOT.sub(" ", sentence) for sentence in self.sentences)
        words = {word if word == "I" else word.lower() for word in re.sub(r"[?.,]", "", fixed).split()}
        return sorted(words.union(*(phrase.split() for phrases in self.slots.values() for phrase in phrases)))
