"""How much of what was said was heard."""

import re
from difflib import SequenceMatcher

from service.transcript import Transcript

UNITS = "zero one two three four five six seven eight nine".split()  # noqa: SIM905 -- a list to read


def words(text: str) -> list[str]:
    """Words without case and punctuation, digits one by one."""
    spelled = re.sub(r"\d", lambda digit: f" {UNITS[int(digit[0])]} ", text.lower())
    return re.sub(r"[^\w\s]", "", spelled.replace("-", " ")).split()


def text(transcript: Transcript, *, channel: int | None = None) -> str:
    """The text of a transcript, or of one channel of it."""
    return " ".join(s.text for s in transcript.segments if channel is None or s.channel == channel)


def heard(said: str, transcript: Transcript, *, channel: int | None = None) -> float:
    """The share of the words said that were heard, in order."""
    right, found = words(said), words(text(transcript, channel=channel))
    matcher = SequenceMatcher(None, right, found, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(right)


def invented(said: str, transcript: Transcript) -> int:
    """The words that were heard beyond the number of those said."""
    return max(0, len(words(text(transcript))) - len(words(said)))
