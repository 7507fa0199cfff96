"""OpenAI's own clients, unchanged, against the real server with the real model."""

import asyncio
import json
import subprocess
import wave
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.audio import (
    Transcription,
    TranscriptionDiarized,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionTextSegmentEvent,
    TranscriptionVerbose,
    Translation,
)
from openai.types.audio.transcription import UsageDuration

from demo.server import ROOT, Server, running_server
from demo.truth import load_calls
from service.recording import SAMPLE_RATE, decode
from service.settings import Settings
from tests.words.comparison import words

pytestmark = pytest.mark.words

KEY = "0123456789abcdef"
# The beginning of a sample call: a turn of each speaker.
CALL, SECONDS = load_calls()["billing.wav"], 12
TURNS = [turn for turn in CALL.turns if turn.end < SECONDS]
SAID = words(" ".join(turn.text for turn in TURNS))

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The service with the default model, and with a key."""
    with running_server(model=Settings().model, WHISPER_API_KEYS=KEY) as server:
        yield server


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the call, as a file."""
    with CALL.path.open("rb") as file:
        samples = decode(file, settings=Settings()).samples[:, : SECONDS * SAMPLE_RATE]
    path = tmp_path_factory.mktemp("sdk") / "call.wav"
    with wave.open(str(path), "wb") as target:
        target.setnchannels(len(samples))
        target.setsampwidth(samples.itemsize)
        target.setframerate(SAMPLE_RATE)
        target.writeframes(samples.T.tobytes())
    return path


def synchronous(server: Server, clip: Path) -> Ask:
    """Calls of `OpenAI`, each on a client of its own; a stream as a list."""

    def ask(resource: str = "transcriptions", *, key: str = KEY, model: str = "whisper-1", **options: Any) -> Any:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key=key) as client, clip.open("rb") as file:
            create: Any = getattr(client.audio, resource).create
            answer = create(file=file, model=model, **options)
            return list(answer) if options.get("stream") else answer

    return ask


def asynchronous(server: Server, clip: Path) -> Ask:
    """The same of `AsyncOpenAI`."""

    async def ask(resource: str = "transcriptions", *, key: str = KEY, model: str = "whisper-1", **options: Any) -> Any:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key) as client:
            with clip.open("rb") as file:
                create: Any = getattr(client.audio, resource).create
                answer = await create(file=file, model=model, **options)
                return [event async for event in answer] if options.get("stream") else answer

    return lambda *arguments, **options: asyncio.run(ask(*arguments, **options))


@pytest.fixture(params=[synchronous, asynchronous])
def ask(request: pytest.FixtureRequest, server: Server, clip: Path) -> Ask:
    """Calls of one of the two clients for Python."""
    made: Ask = request.param(server, clip)
    return made


def heard(text: str) -> float:
    """The share of the spoken words that a text has."""
    matcher = SequenceMatcher(None, SAID, words(text), autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(SAID)


def test_json_is_a_transcription(ask: Ask) -> None:
    """With every parameter that guides the model."""
    answer = ask(
        language="en",
        prompt="A call about a bill.",
        temperature=0,
        chunking_strategy="auto",
        include=["logprobs"],
        extra_body={"hotwords": "account", "vad_filter": True, "channels": 2},
    )
    assert isinstance(answer, Transcription)
    assert heard(answer.text) > 0.9
    assert answer.logprobs
    assert "".join(entry.token or "" for entry in answer.logprobs) == answer.text
    assert isinstance(answer.usage, UsageDuration)
    assert answer.usage.seconds == SECONDS


def test_languages_and_keywords_are_lists(ask: Ask) -> None:
    """Detection chooses among the languages."""
    answer = ask(languages=["en", "de"], keywords=["account", "bill"])
    assert heard(answer.text) > 0.9
    assert [language.code for language in answer.languages] == ["en"]


@pytest.mark.parametrize(("form", "begins"), [("text", ""), ("vtt", "WEBVTT\n\n")])
def test_plain_formats_are_text(ask: Ask, form: str, begins: str) -> None:
    """As the client returns them: a text."""
    answer = ask(response_format=form)
    assert isinstance(answer, str)
    assert answer.startswith(begins)
    assert heard(answer) > 0.9


def test_verbose_json_has_words_and_segments(ask: Ask) -> None:
    """Inside the recording, and with the measures of the model."""
    answer = ask(
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        chunking_strategy={"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 300},
    )
    assert isinstance(answer, TranscriptionVerbose)
    assert (answer.language, answer.duration) == ("english", SECONDS)
    assert answer.words
    assert answer.segments
    assert " ".join(word.word for word in answer.words).split() == answer.text.split()
    assert all(0 <= word.start <= word.end <= SECONDS for word in answer.words)
    for segment in answer.segments:
        assert segment.tokens
        assert (segment.temperature, segment.avg_logprob < 0, segment.no_speech_prob < 0.6) == (0, True, True)


def test_diarized_json_has_agent_and_customer(ask: Ask) -> None:
    """Each on the own channel, in the order of their turns."""
    answer = ask(response_format="diarized_json")
    assert isinstance(answer, TranscriptionDiarized)
    assert {segment.speaker for segment in answer.segments} == {"agent", "customer"}
    for turn in TURNS:
        own = [segment for segment in answer.segments if segment.speaker == ("agent", "customer")[turn.channel]]
        assert min(abs(segment.start - turn.start) for segment in own) < 0.6


def test_stream_is_deltas_and_the_whole(ask: Ask) -> None:
    """In order; the deltas add up."""
    *deltas, done = ask(stream=True)
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert all(isinstance(event, TranscriptionTextDeltaEvent) for event in deltas)
    assert "".join(event.delta for event in deltas) == done.text
    assert heard(done.text) > 0.9


def test_diarized_stream_is_segments(ask: Ask) -> None:
    """In the order of their times."""
    events = ask(stream=True, response_format="diarized_json")
    segments = [event for event in events if isinstance(event, TranscriptionTextSegmentEvent)]
    assert {segment.speaker for segment in segments} == {"agent", "customer"}
    assert [segment.start for segment in segments] == sorted(segment.start for segment in segments)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_translation_is_a_translation(ask: Ask) -> None:
    """Of English, the same text."""
    answer = ask("translations", prompt="A call.")
    assert isinstance(answer, Translation)
    assert heard(answer.text) > 0.9


@pytest.mark.parametrize(
    ("options", "kind", "param", "code"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model", "model_not_found"),
        ({"response_format": "xml"}, openai.BadRequestError, "response_format", "invalid_value"),
        ({"timestamp_granularities": ["word"]}, openai.BadRequestError, "timestamp_granularities", "unsupported_value"),
        ({"stream": True, "response_format": "srt"}, openai.BadRequestError, "response_format", "unsupported_value"),
        ({"key": "wrong-0123456789"}, openai.AuthenticationError, None, "invalid_api_key"),
    ],
)
def test_errors_are_those_of_the_client(
    ask: Ask, options: dict[str, Any], kind: type[openai.APIStatusError], param: str | None, code: str
) -> None:
    """Of the class that the status has, with param, code and request id."""
    with pytest.raises(kind) as caught:
        ask(**options)
    error = caught.value
    assert (error.param, error.code, error.type) == (param, code, "invalid_request_error")
    assert error.request_id


def test_models_are_listed(server: Server) -> None:
    """And retrieved."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY) as client:
        assert [model.id for model in client.models.list()] == [Settings().model, "whisper-1"]
        assert client.models.retrieve("whisper-1").owned_by == "whisper-fargate"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-9")


def test_client_for_javascript_works_unchanged(server: Server, clip: Path) -> None:
    """All formats, both kinds of streams, and errors of the client's own classes."""
    script = Path(__file__).with_name("sdk.mjs")
    done = subprocess.run(
        ["node", str(script), f"{server.url}/v1", KEY, str(clip)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["models"] == [Settings().model, "whisper-1"]
    texts = [found["json"]["text"], found["text"], found["verbose"]["text"], found["diarized"]["text"]]
    assert min(heard(text) for text in [*texts, found["translation"]["text"], found["srt"], found["vtt"]]) > 0.9
    assert found["vtt"].startswith("WEBVTT\n\n")
    assert found["verbose"]["words"]
    assert found["verbose"]["segments"]
    assert {segment["speaker"] for segment in found["diarized"]["segments"]} == {"agent", "customer"}
    *deltas, whole = found["events"]
    assert "".join(event["delta"] for event in deltas) == whole["text"]
    assert whole["logprobs"]
    assert "transcript.text.segment" in {event["type"] for event in found["segments"]}
    failed = {
        "unknownModel": ("NotFoundError", 404, "model_not_found", "model"),
        "streamedSubtitles": ("BadRequestError", 400, "unsupported_value", "response_format"),
        "wrongKey": ("AuthenticationError", 401, "invalid_api_key", None),
    }
    for name, (kind, status, code, param) in failed.items():
        error = found[name]
        assert (error["name"], error["status"], error["code"], error["param"]) == (kind, status, code, param)
        assert error["requestID"]
