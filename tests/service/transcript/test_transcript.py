"""The transcript and its renderings."""

import json

import pytest

from service.recording import DuplicateChannel, Gap
from service.transcript import FORMATS, Segment, Transcript, Word, render


def transcript(*, channels: int = 2, text: str = "Hello there.", show_words: bool = True) -> Transcript:
    """Two segments, the second on the last channel, over an hour in."""
    return Transcript(
        language="en",
        language_probability=0.98765,
        duration=3700.0,
        channels=channels,
        segments=(
            Segment(channel=0, start=0.5, end=1.25, text=text, average_log_probability=-0.1),
            Segment(
                channel=channels - 1,
                start=3661.0,
                end=3662.5,
                text="Good <b>morning</b> & bye.",
                average_log_probability=-0.2,
                words=(Word(start=3661.0, end=3661.4, text="Good", probability=0.9),),
            ),
        ),
        missing_seconds=2.0,
        gaps=(Gap(start=10.0, end=12.0),),
        duplicate_channels=(DuplicateChannel(channel=1, of=0),),
        show_words=show_words,
    )


def test_json_holds_the_promised_keys() -> None:
    """Language, duration, partial and segments with channel, start, end and text."""
    plain = json.loads(render(transcript(), "json"))
    assert (plain["language"], plain["duration"], plain["partial"], plain["missing_seconds"]) == ("en", 3700, True, 2)
    assert plain["gaps"] == [{"start": 10.0, "end": 12.0}]
    assert plain["segments"][0].items() >= {"channel": 0, "start": 0.5, "end": 1.25, "text": "Hello there."}.items()
    assert "words" not in plain["segments"][0]
    assert plain["segments"][1]["words"][0]["text"] == "Good"
    assert plain["duplicate_channels"] == [{"channel": 1, "of": 0}]


def test_words_are_in_the_json_only_if_they_were_asked_for() -> None:
    """Subtitles need the times of the words, whoever asked for what."""
    plain = transcript(show_words=False).to_dict()
    assert ["words" in segment for segment in plain["segments"]] == [False, False]
    assert Transcript.from_dict(plain).to_dict() == plain


def test_transcript_survives_json() -> None:
    """Reading a stored transcript and writing it again changes nothing."""
    plain = transcript().to_dict()
    assert Transcript.from_dict(plain).to_dict() == plain


def test_json_is_one_line() -> None:
    """The transcripts of several recordings on standard output are JSON Lines."""
    assert "\n" not in render(transcript(text="two\nlines"), "json")


def test_text_names_channels_only_if_there_are_several() -> None:
    """A mono recording needs no speaker names."""
    assert render(transcript(), "text").splitlines()[0] == "Channel 0: Hello there."
    assert render(transcript(channels=1), "text").splitlines()[0] == "Hello there."


def test_srt_numbers_cues_and_writes_comma_milliseconds() -> None:
    """SubRip: number, times with a comma, text, empty line."""
    assert render(transcript(), "srt") == (
        "1\n00:00:00,500 --> 00:00:01,250\nChannel 0: Hello there.\n\n"
        "2\n01:01:01,000 --> 01:01:02,500\nChannel 1: Good <b>morning</b> & bye.\n"
    )


def test_vtt_starts_with_its_signature_and_escapes_markup() -> None:
    """WebVTT: a player never reads the words of a call as markup."""
    lines = render(transcript(), "vtt").splitlines()
    assert lines[0] == "WEBVTT"
    assert "<v Channel 1>Good &lt;b&gt;morning&lt;/b&gt; &amp; bye." in lines


@pytest.mark.parametrize("form", FORMATS)
def test_transcript_without_speech_renders(form: str) -> None:
    """Silence is a transcript, not an error."""
    silent = Transcript(language="und", language_probability=0.0, duration=5.0, channels=1, segments=())
    assert isinstance(render(silent, form), str)


def test_unknown_format_is_refused_with_the_valid_ones() -> None:
    """The message lists the formats."""
    with pytest.raises(ValueError, match="got 'docx', expected one of json, text, srt, vtt"):
        render(transcript(), "docx")
