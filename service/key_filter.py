"""Which objects of the recordings bucket are recordings, by their keys: recorders write other files beside them.

Standard library only: the stacks derive the pattern of EventBridge's rule from the same value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, Self

# S3 accepts no longer key.
MAX_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFilter:
    """Keys that begin with one of the prefixes and end with one of the suffixes; without either, any beginning or end.

    Keys that begin with one of `excluded` belong to another queue. A prefix and a suffix do not overlap: `calls/.wav` begins and ends so, but `a` neither begins nor ends `a*a`.
    """

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @classmethod
    def read(cls, *, prefixes: str, suffixes: str, excluded: str = "") -> Self:
        """From lists separated by commas.

        >>> KeyFilter.read(prefixes="", suffixes=".wav,.WAV").suffixes
        ('.wav', '.WAV')
        """
        return cls(prefixes=listed(prefixes), suffixes=listed(suffixes), excluded=listed(excluded))

    def admits(self, key: str) -> bool:
        """Whether the object with this key is a recording."""
        return not key.startswith(self.excluded) and any(
            key.startswith(prefix) and key.endswith(suffix) and len(key) >= len(prefix) + len(suffix)
            for prefix, suffix in self._pairs
        )

    def reaches(self, prefix: str) -> bool:
        """Whether a key that begins with `prefix` can be a recording's."""
        return not prefix.startswith(self.excluded) and any(
            prefix.startswith(own) or own.startswith(prefix) for own in self.prefixes or ("",)
        )

    @property
    def patterns(self) -> list[dict[str, Any]]:
        """What EventBridge matches a key with; one match is enough, and without any pattern every key matches.

        EventBridge has no "and" for two conditions on one field, but a wildcard between them. So it can tell excluded keys
        only where there is neither a prefix nor a suffix; prefixes have to be others, and lead elsewhere by themselves.
        """
        if self.excluded and not self.prefixes and not self.suffixes:
            one, *others = self.excluded
            return [{"anything-but": {"prefix": [one, *others] if others else one}}]
        if not self.suffixes:
            return [{"prefix": prefix} for prefix in self.prefixes]
        if not self.prefixes:
            return [{"suffix": suffix} for suffix in self.suffixes]
        return [{"wildcard": f"{prefix}*{suffix}"} for prefix, suffix in self._pairs]

    @property
    def too_long(self) -> bool:
        """Whether a prefix and a suffix are together longer than a key can be."""
        return any(len((prefix + suffix).encode()) > MAX_KEY_BYTES for prefix, suffix in self._pairs)

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        return list(product(self.prefixes or ("",), self.suffixes or ("",)))


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list that is separated by commas."""
    return tuple(text.split(",")) if text else ()


def are_prefixes(entries: Sequence[str]) -> bool:
    """Whether each entry can be a beginning of keys, and none is covered by another."""
    return all(map(_is_plain, entries)) and not any(a.startswith(b) for a, b in permutations(entries, 2))


def are_suffixes(entries: Sequence[str]) -> bool:
    """Whether each entry can be an end of keys, and none is covered by another."""
    return all(map(_is_plain, entries)) and not any(a.endswith(b) for a, b in permutations(entries, 2))


def _is_plain(text: str) -> bool:
    """Whether a text means the same to EventBridge, a shell's variable and a list with commas."""
    return text == text.strip() != "" and text.isascii() and text.isprintable() and not set(text) & set('*\\"')
