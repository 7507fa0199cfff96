"""Segments → subtitle cues: short enough to read, at the times of their words, and without overlap within a channel."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from service.transcript.scripts import columns, unspaced
from service.transcript.text import speaker
from service.transcript.transcript import Segment, Transcript

# As broadcasters' guidelines say. A full-width character takes two columns.
MAX_LINES = 2
MAX_COLUMNS = 42
MAX_SECONDS = 7.0
# Two frames: so that a viewer notices the change between two cues.
MIN_GAP_SECONDS = 0.08
# For words whose times coincide.
MIN_CUE_SECONDS = 0.1

# A cue that is full ends after one of these rather than at its last word, if that leaves it half full.
_CLAUSE_ENDS = tuple(",;:.?!…、，；：。？！")  # noqa: RUF001 - full-width marks are meant
# Never at the beginning of a line.
_CLOSING = frozenset(",.;:!?…)]}»”’、，。；：？！）」』】〉》ー々")  # noqa: RUF001 - as above


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """One or two lines of one channel's text, shown from `start` to `end`, in seconds."""

    channel: int
    start: float
    end: float
    lines: tuple[str, ...]


def timestamp(seconds: float, decimal_mark: str) -> str:
    """Seconds as hours, minutes, seconds and milliseconds.

    >>> timestamp(3661.5, ",")
    '01:01:01,500'
    """
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{decimal_mark}{milliseconds % 1000:03}"


def cues(transcript: Transcript) -> list[Cue]:
    """The cues of all channels in order of time; the first line of each leaves room for the speaker's name."""
    found: list[Cue] = []
    for channel in sorted({segment.channel for segment in transcript.segments}):
        segments = sorted((s for s in transcript.segments if s.channel == channel), key=lambda s: s.start)
        name = speaker(transcript, channel)
        reserved = len(f"{name}: ") if name else 0
        found += _apart([cue for segment in segments for cue in _split(segment, reserved)])
    return sorted(found, key=lambda cue: (cue.start, cue.channel))


def _split(segment: Segment, reserved: int) -> Iterator[Cue]:
    """The cues of a segment, as long as two lines and the longest time of a cue allow."""
    text = " ".join(segment.text.split())
    times = _Times(text, segment)
    parts = _parts(text, MAX_COLUMNS - reserved)
    while parts:
        fitting = 1
        while fitting < len(parts) and _fits(parts[: fitting + 1], text, times, reserved):
            fitting += 1
        if fitting < len(parts):
            fitting = next(
                (n for n in range(fitting, fitting // 2, -1) if text[: parts[n - 1][1]].endswith(_CLAUSE_ENDS)), fitting
            )
        start, end = times.start(parts[0][0]), times.end(parts[fitting - 1][1])
        yield Cue(
            channel=segment.channel,
            start=start,
            end=min(max(start, end), start + MAX_SECONDS),
            lines=tuple(_lines(parts[:fitting], text, reserved)),
        )
        parts = parts[fitting:]


def _fits(parts: Sequence[tuple[int, int]], text: str, times: "_Times", reserved: int) -> bool:
    lasts = times.end(parts[-1][1]) - times.start(parts[0][0])
    return lasts <= MAX_SECONDS and len(_lines(parts, text, reserved)) <= MAX_LINES


def _lines(parts: Sequence[tuple[int, int]], text: str, reserved: int) -> list[str]:
    """Parts of a text in lines, each as full as it can be."""
    lines, start = list[str](), parts[0][0]
    for (_, end), (_, following) in pairwise(parts):
        room = MAX_COLUMNS - (0 if lines else reserved)
        if columns(text[start:following].strip()) > room:
            lines.append(text[start:end].strip())
            start = end
    return [*lines, text[start : parts[-1][1]].strip()]


def _parts(text: str, room: int) -> list[tuple[int, int]]:
    """The beginning and the end of each piece of a text that stays on one line: a word, or a character without spaces.

    A word that is wider than `room` columns is cut.
    """
    parts: list[tuple[int, int]] = []
    start = width = 0
    for index, character in enumerate(text):
        width += columns(character)
        following = text[index + 1 : index + 2]
        breaks = character == " " or unspaced(character) or unspaced(following)
        full = width + columns(following) > room
        if not following or full or (breaks and following not in _CLOSING and not unicodedata.combining(following)):
            if piece := text[start : index + 1].rstrip():
                parts.append((start, start + len(piece)))
            start, width = index + 1, 0
    return parts


class _Times:
    """The times of a segment's text, from its words or, if it has none, in proportion to its characters."""

    def __init__(self, text: str, segment: Segment) -> None:
        # Rising positions in the text, each with its time. A word has two: its beginning and its end.
        self._positions, self._seconds = [0], [segment.start]
        at = 0
        for word in segment.words:
            spelt = " ".join(word.text.split())
            found = text.find(spelt, at)
            if spelt and found >= 0:
                at = found + len(spelt)
                self._positions += [found, at]
                self._seconds += [word.start, word.end]
        self._positions.append(max(at, len(text)))
        self._seconds.append(max(segment.start, segment.end))
        # The first and the last word are heard from the segment's start and to its end.
        for index in range(1, len(self._seconds)):
            self._seconds[index] = min(max(self._seconds[index], self._seconds[index - 1]), self._seconds[-1])

    def start(self, position: int) -> float:
        """When the text from a position is first heard."""
        return self._at(position, bisect_right(self._positions, position) - 1)

    def end(self, position: int) -> float:
        """When the text up to a position has been heard."""
        return self._at(position, max(0, bisect_right(self._positions, position - 1) - 1))

    def _at(self, position: int, index: int) -> float:
        if index + 1 >= len(self._positions):
            return self._seconds[-1]
        low, high = self._positions[index], self._positions[index + 1]
        share = (position - low) / (high - low) if high > low else 0.0
        return self._seconds[index] + share * (self._seconds[index + 1] - self._seconds[index])


def _apart(found: Sequence[Cue]) -> list[Cue]:
    """The cues of one channel with the gap between them: a cue ends earlier or, if it would vanish, the next starts later.

    In whole milliseconds, as the formats write them.
    """
    apart: list[Cue] = []
    earliest = 0.0
    for index, cue in enumerate(found):
        start = round(max(cue.start, earliest), 3)
        end = min(cue.end, start + MAX_SECONDS)
        if index + 1 < len(found):
            end = min(end, found[index + 1].start - MIN_GAP_SECONDS)
        end = round(max(end, start + MIN_CUE_SECONDS), 3)
        apart.append(replace(cue, start=start, end=end))
        earliest = end + MIN_GAP_SECONDS
    return apart
