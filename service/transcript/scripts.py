"""Writing systems: how wide their characters are, and whether they put spaces between words."""

import unicodedata

# Thai, Lao, Burmese and Khmer: letters of one column, written without spaces between words.
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF))


def columns(text: str) -> int:
    """The width of a text; a full-width character takes two columns.

    >>> columns("ab日本")
    6
    """
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def unspaced(character: str) -> bool:
    """Whether a character belongs to a script without spaces. Korean is as wide as Chinese, but has spaces."""
    if not character or unicodedata.name(character, "").startswith("HANGUL"):
        return False
    return columns(character) == 2 or any(low <= ord(character) <= high for low, high in _UNSPACED)
