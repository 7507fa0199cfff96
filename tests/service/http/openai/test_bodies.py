"""A transcript in each of OpenAI's formats."""

import math

import pytest

from service.http.openai.names import NAMES
from service.settings import LANGUAGES
from service.transcript import Unheard
from tests.service.http.fakes import FakeEngine, said
from tests.service.http.openai.requests import CONVERSATION, DAMAGED, MONO, STEREO, TEXT, TRANSLATIONS, client_of, post


@pytest.fixture
def engine() -> FakeEngine:
    """An engine that hears a conversation."""
    return FakeEngine(segments=CONVERSATION)


def test_json_is_the_default(engine: FakeEngine) -> None:
    """The text with a line for each turn, the languages, and the seconds of audio."""
    response = post(client_of(engine))
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "text": TEXT,
        "languages": [{"code": "en"}],
        "usage": {"type": "duration", "seconds": 12.0},
    }


def test_log_probabilities_are_those_of_the_words(engine: FakeEngine) -> None:
    """They add up to the text, spaces and line breaks included."""
    found = post(client_of(engine), include_="logprobs").json()["logprobs"]
    assert "".join(entry["token"] for entry in found) == TEXT
    assert b"".join(bytes(entry["bytes"]) for entry in found).decode() == TEXT
    assert {entry["logprob"] for entry in found} == {round(math.log(0.5), 4)}


@pytest.mark.parametrize(
    ("form", "media_type", "body"),
    [
        ("text", "text/plain; charset=utf-8", f"{TEXT}\n"),
        ("srt", "text/plain; charset=utf-8", "1\n00:00:01,000 --> 00:00:03,000\nChannel 0: Good morning.\n"),
        ("vtt", "text/vtt; charset=utf-8", "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\n<v Channel 0>Good morning.\n"),
    ],
)
def test_plain_formats_are_text(engine: FakeEngine, form: str, media_type: str, body: str) -> None:
    """Subtitles name the speakers as the command line's do."""
    response = post(client_of(engine), response_format=form)
    assert response.headers["content-type"] == media_type
    assert response.text.startswith(body)


def test_verbose_json_has_segments_with_their_measures(engine: FakeEngine) -> None:
    """And the language by its English name."""
    body = post(client_of(engine), response_format="verbose_json").json()
    assert (body["task"], body["language"], body["duration"], body["text"]) == ("transcribe", "english", 12.0, TEXT)
    assert body["usage"] == {"type": "duration", "seconds": 12.0}
    assert "words" not in body
    assert [segment["id"] for segment in body["segments"]] == [0, 1, 2, 3]
    assert body["segments"][1] == {
        "id": 1,
        "seek": 400,
        "start": 4.0,
        "end": 7.0,
        "text": "Who is it?",
        "tokens": [0, 1, 2],
        "temperature": 0.0,
        "avg_logprob": -0.1,
        "compression_ratio": 1.25,
        "no_speech_prob": 0.01,
    }


@pytest.mark.parametrize(("asked", "keys"), [(["word"], {"words"}), (["word", "segment"], {"words", "segments"})])
def test_verbose_json_has_the_times_that_were_asked_for(engine: FakeEngine, asked: list[str], keys: set[str]) -> None:
    """Words stand at the top, in order of time; with words alone there are no segments."""
    body = post(client_of(engine), response_format="verbose_json", timestamp_granularities_=asked).json()
    assert body.keys() & {"words", "segments"} == keys
    assert body["words"][:3] == [
        {"word": "Good", "start": 1.0, "end": 2.0},
        {"word": "morning.", "start": 2.0, "end": 3.0},
        {"word": "Who", "start": 4.0, "end": 5.0},
    ]
    assert [word["start"] for word in body["words"]] == sorted(word["start"] for word in body["words"])


def test_diarized_json_names_agent_and_customer(engine: FakeEngine) -> None:
    """By their channels."""
    body = post(client_of(engine), response_format="diarized_json").json()
    assert (body["task"], body["duration"], body["text"]) == ("transcribe", 12.0, TEXT)
    assert [segment["speaker"] for segment in body["segments"]] == ["agent", "agent", "customer", "agent"]
    assert body["segments"][2] == {
        "type": "transcript.text.segment",
        "id": "seg_2",
        "start": 8.0,
        "end": 9.0,
        "text": "Anna.",
        "speaker": "customer",
    }


def test_known_speaker_names_are_those_of_the_channels(engine: FakeEngine) -> None:
    """In their order: a recorder may have the customer first."""
    body = post(client_of(engine), response_format="diarized_json", known_speaker_names_=["customer", "agent"]).json()
    assert [segment["speaker"] for segment in body["segments"]] == ["customer", "customer", "agent", "customer"]


def test_translation_is_english(engine: FakeEngine) -> None:
    """Whatever was spoken."""
    body = post(client_of(engine), path=TRANSLATIONS, response_format="verbose_json").json()
    assert (body["task"], body["language"], body["text"]) == ("translate", "english", TEXT)
    assert post(client_of(engine), path=TRANSLATIONS).json()["text"] == TEXT


@pytest.mark.parametrize("form", ["json", "verbose_json", "diarized_json", "text", "vtt"])
def test_losses_are_told_in_every_format(engine: FakeEngine, form: str) -> None:
    """A client that knows OpenAI only still gets an honest answer: JSON and a header tell the missing seconds."""
    response = post(client_of(engine, DAMAGED), response_format=form)
    assert response.headers["x-missing-seconds"] == "1.5"
    if form.endswith("json"):
        facts = {"partial": True, "missing_seconds": 1.5, "gaps": [{"start": 2.0, "end": 3.5}]}
        assert response.json().items() >= facts.items()
    complete = post(client_of(engine, STEREO), response_format=form)
    assert "x-missing-seconds" not in complete.headers


def test_speech_without_words_is_told(engine: FakeEngine) -> None:
    """A text that simply lacks a sentence could not be told from a complete one."""
    engine.unheard = (Unheard(channel=1, start=2.0, end=4.5),)
    told = [{"channel": 1, "start": 2.0, "end": 4.5}]
    for form in ("json", "verbose_json", "diarized_json"):
        assert post(client_of(engine), response_format=form).json()["unheard"] == told
    engine.unheard = ()
    assert "unheard" not in post(client_of(engine)).json()


def test_text_without_spaces_stays_without(engine: FakeEngine) -> None:
    """Chinese and Japanese segments follow each other directly."""
    engine.segments = (said("你好。", start=0.0, language="zh"), said("再见。", start=2.0, language="zh"))
    body = post(client_of(engine, MONO)).json()
    assert (body["text"], body["languages"]) == ("你好。再见。", [{"code": "zh"}])


def test_every_language_has_a_name() -> None:
    """And `und` of a recording without speech."""
    assert NAMES.keys() == LANGUAGES | {"und"}
    assert len(set(NAMES.values())) == len(NAMES)
