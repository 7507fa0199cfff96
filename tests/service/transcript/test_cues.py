"""Subtitle cues: whatever the transcript, they can be read, and no word is lost."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.transcript import Segment, Transcript, Word, render
from service.transcript.cues import MAX_COLUMNS, MAX_LINES, MAX_SECONDS, MIN_GAP_SECONDS, Cue, cues, timestamp

PANGRAM = "the quick brown fox jumps over the lazy dog, and then it rests for a while before it jumps again "


def segment(text: str, *, start: float, end: float, channel: int = 0, words: tuple[Word, ...] = ()) -> Segment:
    """A segment with this text."""
    return Segment(channel=channel, start=start, end=end, text=text, average_log_probability=-0.1, words=words)


def transcript(*segments: Segment, channels: int = 1) -> Transcript:
    """A transcript of these segments."""
    return Transcript(language="en", language_probability=1.0, duration=60.0, channels=channels, segments=segments)


def spoken(text: str, *, start: float, word_seconds: float) -> Segment:
    """A segment whose words last equally long, without pauses."""
    spelt = text.split()
    times = [start + index * word_seconds for index in range(len(spelt) + 1)]
    words = tuple(
        Word(start=a, end=b, text=word, probability=1.0) for word, (a, b) in zip(spelt, pairwise(times), strict=True)
    )
    return segment(text, start=start, end=times[-1], words=words)


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    """Any segment: any text, with words or without, of any length, in any order."""
    text = draw(st.text(max_size=200) | st.text("ab ,.-><&字かア한ก。、\n\r\x85\u2028\u0301", max_size=400))
    start = draw(st.floats(0, 50))
    end = start + draw(st.floats(0, 30))
    words: tuple[Word, ...] = ()
    if draw(st.booleans()):
        times = sorted(draw(st.lists(st.floats(start, end), min_size=2 * len(text.split()), max_size=500)))
        words = tuple(
            Word(start=times[2 * index], end=times[2 * index + 1], text=word, probability=1.0)
            for index, word in enumerate(text.split())
        )
    return segment(text, start=start, end=end, channel=draw(st.integers(0, 1)), words=words)


def columns(line: str) -> int:
    """How wide a line is, in columns of a narrow letter."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def letters(text: str) -> str:
    """A text without its white space."""
    return "".join(text.split())


@given(st.lists(segments(), max_size=6), st.integers(2, 3))
@example([segment("a" * 500, start=0.0, end=0.0), segment("b " * 500, start=0.0, end=0.0)], 2)
@example([segment("字" * 500, start=1.0, end=300.0)], 2)
def test_any_transcript_becomes_readable_cues(found: list[Segment], channels: int) -> None:
    """At most two lines of 42 columns and 7 s, a gap between a channel's cues, in order of time, and all of the text."""
    made = cues(transcript(*found, channels=channels))
    assert [(cue.start, cue.channel) for cue in made] == sorted((cue.start, cue.channel) for cue in made)
    for cue in made:
        assert 1 <= len(cue.lines) <= MAX_LINES
        assert all(line.strip() == line != "" and "\n" not in line for line in cue.lines)
        assert columns(f"Channel {cue.channel}: {cue.lines[0]}") <= MAX_COLUMNS
        assert all(columns(line) <= MAX_COLUMNS for line in cue.lines)
        assert 0 < cue.end - cue.start <= MAX_SECONDS + 1e-6
    for channel in (0, 1):
        own = [cue for cue in made if cue.channel == channel]
        assert all(after.start - before.end > MIN_GAP_SECONDS - 1e-6 for before, after in pairwise(own))
        said = sorted((s for s in found if s.channel == channel), key=lambda s: s.start)
        assert letters("".join(line for cue in own for line in cue.lines)) == letters("".join(s.text for s in said))


def test_long_segment_is_split_at_the_times_of_its_words() -> None:
    """A sentence of 10 s and 97 characters: each cue lasts from its first word to its last one."""
    said = spoken(PANGRAM, start=5.0, word_seconds=0.5)
    made = cues(transcript(said))
    assert [cue.lines for cue in made] == [
        ("the quick brown fox jumps over the lazy", "dog,"),
        ("and then it rests for a while before it", "jumps again"),
    ]
    assert made[0].start == 5.0
    assert made[0].end == pytest.approx(9.5 - MIN_GAP_SECONDS)
    assert made[1].start == 9.5
    assert made[1].end == pytest.approx(said.end)


def test_segment_without_words_is_split_in_proportion() -> None:
    """A stored transcript has no words; its cues cover the segment's time."""
    made = cues(transcript(segment(PANGRAM, start=0.0, end=9.7)))
    assert (made[0].start, made[-1].end) == (0.0, 9.7)
    assert made[1].start == pytest.approx(4.5, abs=0.2)


def test_long_pause_or_slow_word_ends_a_cue_after_seven_seconds() -> None:
    """One word that is stretched over 20 s is shown for 7."""
    (cue,) = cues(transcript(segment("Hello.", start=3.0, end=23.0)))
    assert (cue.start, cue.end) == (3.0, 10.0)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("字" * 50, ("字" * 21, "字" * 21)),
        ("はい、" * 14, ("はい、" * 7, "はい、" * 7)),
        ("ab" * 40, ("ab" * 21, "ab" * 19)),
        ("안녕하세요 " * 8, ("안녕하세요 안녕하세요 안녕하세요", "안녕하세요 안녕하세요 안녕하세요")),
    ],
    ids=["Chinese", "Japanese", "one word", "Korean"],
)
def test_text_is_wrapped_as_its_script_is_written(text: str, lines: tuple[str, ...]) -> None:
    """By characters without spaces, a full-width one for two columns, and no line begins with a full stop."""
    assert cues(transcript(segment(text, start=0.0, end=5.0)))[0].lines == lines


def test_channels_overlap_only_while_both_speak() -> None:
    """Cues stay within the times of their segments, so those of two channels overlap only if the segments do."""
    made = cues(
        transcript(
            segment(PANGRAM * 2, start=0.0, end=15.0),
            segment("Yes, I see.", start=4.0, end=5.0, channel=1),
            segment("Good.", start=15.0, end=16.0, channel=1),
            channels=2,
        )
    )
    assert max(cue.end for cue in made if cue.channel == 0) <= 15.0
    assert [(cue.start, cue.end) for cue in made if cue.channel == 1] == [(4.0, 5.0), (15.0, 16.0)]


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_words_of_a_call_are_never_read_as_markup(form: str) -> None:
    """An arrow, a tag, an empty line or a number on its own line in the text changes no cue."""
    text = "a --> b\n\n2\n00:00:01.000 --> 00:00:02.000\nNOTE <b>c</b> & d"
    shown = render(transcript(segment(text, start=0.0, end=5.0)), form)
    header = "WEBVTT\n\n" if form == "vtt" else ""
    (cue,) = shown.removeprefix(header).split("\n\n")
    assert shown.count("-->") == 1
    if form == "vtt":
        assert not re.search(r"<(?!v )|&(?!amp;|lt;|gt;)", cue)


def test_times_are_milliseconds() -> None:
    """What is written is what was checked."""
    cue = Cue(channel=0, start=0.0004, end=1.9996, lines=("x",))
    assert (timestamp(cue.start, "."), timestamp(cue.end, ".")) == ("00:00:00.000", "00:00:02.000")
