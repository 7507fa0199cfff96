"""The parameters of OpenAI's audio routes: those that guide the model, and errors in OpenAI's shape for the others."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from service.engine.guidance import UNGUIDED, Guidance
from tests.service.http.fakes import FakeEngine, error
from tests.service.http.openai.requests import (
    AUDIO,
    CONVERSATION,
    MONO,
    MONO_AS_STEREO,
    TRANSCRIPTIONS,
    TRANSLATIONS,
    client_of,
    post,
)


@pytest.mark.parametrize(
    ("data", "guidance"),
    [
        ({}, UNGUIDED),
        ({"temperature": "0"}, UNGUIDED),
        ({"temperature": "0.4"}, Guidance(temperature=0.4)),
        ({"prompt": "Call about a router."}, Guidance(prompt="Call about a router.")),
        ({"keywords_": ["Aconite", "Zyrtec"]}, Guidance(keywords=("Aconite", "Zyrtec"))),
        ({"keywords": ["Aconite", "Zyrtec"]}, Guidance(keywords=("Aconite", "Zyrtec"))),
        ({"keywords": "Aconite", "keywords_": "Zyrtec"}, Guidance(keywords=("Aconite", "Zyrtec"))),
        ({"hotwords": " Aconite, Zyrtec "}, Guidance(keywords=("Aconite, Zyrtec",))),
        ({"languages_": ["en", "fr"]}, Guidance(languages=frozenset({"en", "fr"}))),
        ({"prompt": "", "temperature": "", "keywords_": ""}, UNGUIDED),
    ],
)
def test_parameters_guide_the_model(engine: FakeEngine, data: dict[str, Any], guidance: Guidance) -> None:
    """Lists come with brackets behind their names, as OpenAI's clients send them, or without; 0 is the default."""
    assert post(client_of(engine), **data).status_code == 200
    assert engine.guidance == guidance


def test_language_reaches_the_model(engine: FakeEngine) -> None:
    """Without it the language is detected."""
    assert post(client_of(engine), language="en").status_code == 200
    assert engine.language == "en"


def test_translation_is_a_wish_of_its_own(engine: FakeEngine) -> None:
    """The route says it, not a parameter."""
    response = post(client_of(engine), path=TRANSLATIONS, prompt="A call.", temperature="0.2")
    assert response.status_code == 200
    assert engine.guidance == Guidance(translate=True, prompt="A call.", temperature=0.2)


@pytest.mark.parametrize(
    "data",
    [
        {"chunking_strategy": "auto"},
        {"chunking_strategy[type]": "server_vad"},
        {
            "chunking_strategy[type]": "server_vad",
            "chunking_strategy[threshold]": "0.5",
            "chunking_strategy[prefix_padding_ms]": "300",
            "chunking_strategy[silence_duration_ms]": "200",
        },
        {"chunking_strategy": '{"type": "server_vad", "threshold": 0.5}'},
        {"vad_filter": "true"},
        {"channels": "2"},
        {"stream": "false"},
        {"stream": "False"},
        {"timestamp_granularities_": ["word", "segment"], "response_format": "verbose_json"},
        {"timestamp_granularities": "word", "response_format": "verbose_json"},
        {"include_": "logprobs"},
        {"known_speaker_names_": ["Ada", "Bea"], "response_format": "diarized_json"},
        {"language": "en", "languages_": ["en", "fr"]},
    ],
    ids=str,
)
def test_form_of_a_parameter_is_accepted(engine: FakeEngine, data: dict[str, Any]) -> None:
    """As the clients of OpenAI and of faster-whisper's servers send it."""
    response = post(client_of(engine), **data)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("data", "param", "code", "told"),
    [
        ({"model": "whisper-2"}, "model", "model_not_found", "one of base, whisper-1"),
        ({"model": ""}, "model", "missing_required_parameter", "one of base, whisper-1"),
        ({"model": ["base", "base"]}, "model", "repeated_field", "each field once"),
        ({"response_format": "xml"}, "response_format", "invalid_value", "diarized_json"),
        ({"stream": "maybe"}, "stream", "invalid_value", "true or false"),
        ({"stream": "true", "response_format": "srt"}, "response_format", "unsupported_value", "if stream is true"),
        ({"stream": "true", "response_format": "verbose_json"}, "response_format", "unsupported_value", "json, text"),
        ({"timestamp_granularities_": "word"}, "timestamp_granularities", "unsupported_value", "verbose_json"),
        ({"timestamp_granularities_": "syllable"}, "timestamp_granularities", "invalid_value", "word, segment"),
        ({"include_": "logprobs", "response_format": "text"}, "include", "unsupported_value", "response_format json"),
        ({"include_": "usage"}, "include", "invalid_value", "one of logprobs"),
        ({"temperature": "1.5"}, "temperature", "invalid_value", "a number from 0 to 1"),
        ({"temperature": "nan"}, "temperature", "invalid_value", "a number from 0 to 1"),
        ({"temperature": "warm"}, "temperature", "invalid_value", "a number from 0 to 1"),
        ({"language": "klingon"}, "language", "unknown_language", "one of en"),
        ({"language": "en", "languages_": "fr"}, "languages", "unsupported_value", "en among them"),
        ({"channels": "0"}, "channels", "invalid_value", "one of 1, 2"),
        ({"channels": "1"}, "channels", "unsupported_value", "the number that the recording has"),
        ({"vad_filter": "false"}, "vad_filter", "unsupported_value", "may be speech"),
        ({"chunking_strategy": "server_vad"}, "chunking_strategy", "invalid_value", "one of auto"),
        ({"chunking_strategy": '{"type": 1'}, "chunking_strategy", "invalid_value", "an object with type, threshold"),
        ({"chunking_strategy": "{}"}, "chunking_strategy", "invalid_value", "an object with type, threshold"),
        ({"chunking_strategy[type]": "vad"}, "chunking_strategy[type]", "invalid_value", "server_vad"),
        ({"chunking_strategy[threshold]": "0.5"}, "chunking_strategy[type]", "invalid_value", "server_vad"),
        (
            {"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "2"},
            *("chunking_strategy[threshold]", "invalid_value", "a number from 0 to 1"),
        ),
        (
            {"chunking_strategy": "auto", "chunking_strategy[type]": "server_vad"},
            *("chunking_strategy", "invalid_value", "not both"),
        ),
        ({"known_speaker_references_": "data:;"}, "known_speaker_references", "unsupported_parameter", "by channel"),
        ({"patience": "2"}, "patience", "unknown_parameter", "keywords[]"),
        ({"prompt[]": "x"}, "prompt[]", "unknown_parameter", "prompt"),
        ({"prompt": ["one", "two"]}, "prompt", "repeated_field", "each field once"),
        ({"file": "text"}, "file", "repeated_field", "each field once"),
    ],
    ids=str,
)
def test_wrong_parameter_is_an_error_of_openai(
    engine: FakeEngine, data: dict[str, Any], param: str, code: str, told: str
) -> None:
    """Message, type, param and code, and a request id; nothing is ignored, and nothing transcribed."""
    response = post(client_of(engine), **data)
    assert (error(response)["param"], error(response)["code"]) == (param, code)
    assert error(response)["type"] == "invalid_request_error"
    assert response.status_code == (404 if code == "model_not_found" else 400)
    assert told in error(response)["message"]
    assert response.headers["x-request-id"]
    assert engine.threads == []


@pytest.mark.parametrize("path", [TRANSCRIPTIONS, TRANSLATIONS])
def test_request_without_its_recording_is_refused(client: TestClient, path: str) -> None:
    """Under the name that OpenAI's clients know the field by."""
    response = client.post(path, data={"model": "base"}, files={"audio_file": ("a.wav", b"RIFF")})
    assert (response.status_code, error(response)["param"], error(response)["code"]) == (400, "file", "missing_file")
    assert error(response)["message"].endswith("its file field file")
    assert client.post(path, json={"model": "base"}).status_code == 400


@pytest.mark.parametrize("field", ["model", "prompt"])
def test_file_in_the_place_of_text_is_refused(client: TestClient, field: str) -> None:
    """Or as a second file, which no form may have."""
    response = client.post(TRANSCRIPTIONS, files={field: ("a.txt", b"base")}, data={"file": "x"})
    assert response.status_code == 400
    assert client.post(TRANSCRIPTIONS, files=AUDIO | {field: ("a.txt", b"base")}).status_code == 400


@pytest.mark.parametrize("field", ["language", "stream", "keywords_", "hotwords", "response_format"])
def test_translation_has_fewer_parameters(client: TestClient, field: str) -> None:
    """Those of OpenAI's reference; and no speakers' names."""
    response = post(client, path=TRANSLATIONS, **{field: "diarized_json"})
    assert (response.status_code, error(response)["code"]) == (
        400,
        "invalid_value" if field == "response_format" else "unknown_parameter",
    )


def test_model_that_does_not_translate_says_so() -> None:
    """An English-only model would give text in the wrong language."""
    response = post(client_of(FakeEngine(translates=False)), path=TRANSLATIONS)
    assert (response.status_code, error(response)["code"], error(response)["param"]) == (
        400,
        "unsupported_model",
        "model",
    )


@pytest.mark.parametrize(
    ("recording", "names", "status"),
    [
        ("mono", [], 400),
        ("mono", ["caller"], 200),
        ("mono as stereo", [], 400),
        ("stereo", [], 200),
        ("stereo", ["a", "b", "c"], 400),
    ],
)
def test_speakers_are_told_apart_by_channel(recording: str, names: list[str], status: int) -> None:
    """A channel with both speakers has no honest name, unless the request gives it one."""
    engine = FakeEngine(segments=CONVERSATION[:1])
    recordings = {"mono": MONO, "mono as stereo": MONO_AS_STEREO}
    client = client_of(engine, recordings[recording]) if recording in recordings else client_of(engine)
    response = post(client, response_format="diarized_json", known_speaker_names_=names)
    assert response.status_code == status
    if status == 400:
        assert (error(response)["param"], error(response)["code"]) == ("response_format", "unsupported_value")
        assert engine.threads == []
    else:
        assert response.json()["segments"][0]["speaker"] == (names or ["agent"])[0]
