"""Streams of events: in call order, never silent for long, with errors that clients raise, and ended by their callers."""

import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from starlette.applications import Starlette

from service.errors import DiskFull
from service.http import calls, streams
from service.recording import Recording
from service.transcript import Transcript
from tests.service.http.fakes import FakeEngine, application, error
from tests.service.http.openai.requests import (
    AUDIO,
    CONVERSATION,
    DAMAGED,
    MODEL,
    STEREO,
    TEXT,
    TRANSCRIPTIONS,
    client_of,
    post,
)
from tests.service.http.real_server import served


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "DISCONNECT_POLL_SECONDS", 0.005)


@pytest.fixture
def engine() -> FakeEngine:
    """An engine that hears a conversation."""
    return FakeEngine(segments=CONVERSATION)


def events_of(text: str) -> list[dict[str, Any]]:
    """The events of a stream, each of which is one line of data."""
    return [json.loads(part.removeprefix("data: ")) for part in text.split("\n\n") if part and not part.startswith(":")]


def application_of(engine: FakeEngine, recording: Recording = STEREO) -> Starlette:
    """An application that decodes every upload as one recording."""
    return application(engine, decode=lambda _, name="": recording)  # noqa: ARG005 - as the protocol says


class Failing(FakeEngine):
    """Fails once its listener has heard of the segments."""

    def __init__(self, failure: Exception) -> None:
        super().__init__(segments=CONVERSATION)
        self.failure = failure

    def transcribe(self, *args: Any, **options: Any) -> Transcript:
        """Fail at the end, if `free` is set."""
        super().transcribe(*args, **options)
        raise self.failure


def test_text_comes_in_deltas_and_once_more_at_the_end(engine: FakeEngine) -> None:
    """A delta for each segment in call order; they add up to the text, which the last event has as well."""
    response = post(client_of(engine), stream="true")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-request-id"]
    *deltas, done = events_of(response.text)
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert [event["delta"] for event in deltas] == ["Good morning.", " Who is it?", "\nAnna.", "\nThank you."]
    assert done == {"type": "transcript.text.done", "text": TEXT, "languages": [{"code": "en"}]}


def test_log_probabilities_come_with_their_deltas(engine: FakeEngine) -> None:
    """And all of them at the end."""
    *deltas, done = events_of(post(client_of(engine), stream="true", include_="logprobs").text)
    for event in deltas:
        assert "".join(entry["token"] for entry in event["logprobs"]) == event["delta"]
    assert done["logprobs"] == [entry for event in deltas for entry in event["logprobs"]]


def test_diarized_segments_come_with_their_speakers(engine: FakeEngine) -> None:
    """Each after its text, as in the answer that is not streamed."""
    *events, done = events_of(post(client_of(engine), stream="true", response_format="diarized_json").text)
    assert done["text"] == TEXT
    deltas, segments = events[::2], events[1::2]
    assert [event["segment_id"] for event in deltas] == [event["id"] for event in segments]
    assert segments == post(client_of(engine), response_format="diarized_json").json()["segments"]


def test_losses_are_told_at_the_end(engine: FakeEngine) -> None:
    """The missing seconds are part of the last event."""
    done = events_of(post(client_of(engine, DAMAGED), stream="true").text)[-1]
    assert done.items() >= {"partial": True, "missing_seconds": 1.5}.items()


def lines_of(response: httpx2.Response) -> Iterator[str]:
    """The parts of a stream as they come."""
    rest = ""
    for chunk in response.iter_text():
        *parts, rest = (rest + chunk).split("\n\n")
        yield from parts


def test_segments_come_while_the_work_goes_on_and_comments_in_silence(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader sees the first words long before the last; gateways see a byte in every period."""
    monkeypatch.setattr(streams, "PING_SECONDS", 0.1)
    engine.free.clear()
    with (
        served(application_of(engine)) as url,
        httpx2.Client(trust_env=False, timeout=10) as client,
        client.stream("POST", url + TRANSCRIPTIONS, files=AUDIO, data=MODEL | {"stream": "true"}) as response,
    ):
        parts = lines_of(response)
        early = [next(parts) for _ in range(8)]
        engine.free.set()
        rest = list(parts)
    assert early.count(": ping") >= 3
    assert "".join(event["delta"] for event in events_of("\n\n".join(early))) == TEXT
    assert events_of("\n\n".join(rest))[-1]["text"] == TEXT


def test_recording_that_is_refused_has_its_own_status(engine: FakeEngine) -> None:
    """A stream begins with its first segment, or with its first comment."""

    def decode(_: Any, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        raise DiskFull(purpose="decode")

    with served(application(engine, decode=decode)) as url:
        response = httpx2.post(url + TRANSCRIPTIONS, files=AUDIO, data=MODEL | {"stream": "true"}, trust_env=False)
    assert (response.status_code, error(response)["code"], response.headers["retry-after"]) == (503, "disk_full", "60")


@pytest.mark.parametrize(
    ("failure", "code"), [(DiskFull(purpose="decode"), "disk_full"), (ZeroDivisionError(), "internal_error")]
)
def test_failure_in_the_middle_is_an_event(
    failure: Exception, code: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the envelope of every error, after which nothing comes; the log has its kind."""
    caplog.set_level(logging.INFO, logger="service")
    monkeypatch.setattr(streams, "PING_SECONDS", 0.05)
    engine = Failing(failure)
    engine.free.clear()
    threading.Timer(0.3, engine.free.set).start()
    text = ""
    with (
        served(application_of(engine)) as url,
        httpx2.Client(trust_env=False, timeout=10) as client,
        client.stream("POST", url + TRANSCRIPTIONS, files=AUDIO, data=MODEL | {"stream": "true"}) as response,
    ):
        try:
            for chunk in response.iter_text():
                text += chunk
        except httpx2.RemoteProtocolError:
            assert code == "internal_error"  # a defect also cuts the connection, and so is in the server's log
    assert response.status_code == 200
    *_, last = events_of(text)
    assert last["error"]["code"] == code
    assert last["error"]["type"] == "server_error"
    logged = [record.facts["error"] for record in caplog.records if record.message == "stream cut off"]  # type: ignore[attr-defined]
    assert logged == [type(failure).__name__]


def test_client_of_openai_skips_comments_and_raises_the_error_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an error of its own, with the code, after all the text that came before."""
    monkeypatch.setattr(streams, "PING_SECONDS", 0.05)
    engine = Failing(DiskFull(purpose="decode"))
    engine.free.clear()
    threading.Timer(0.3, engine.free.set).start()
    with served(application_of(engine)) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none") as client:
        events: Any = client.audio.transcriptions.create(file=b"RIFF", model="whisper-1", stream=True)
        deltas = [next(events).delta for _ in CONVERSATION]
        with pytest.raises(openai.APIError) as caught:
            next(events)
    assert ("".join(deltas), caught.value.code) == (TEXT, "disk_full")


def test_caller_that_leaves_the_stream_stops_the_work(engine: FakeEngine) -> None:
    """After the current batch."""
    engine.free.clear()
    with served(application_of(engine)) as url, httpx2.Client(trust_env=False, timeout=10) as client:
        data = MODEL | {"stream": "true"}
        with client.stream("POST", url + TRANSCRIPTIONS, files=AUDIO, data=data) as response:
            next(response.iter_raw())
        assert engine.cancelled.wait(5)


@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt"])
def test_long_call_is_never_silent_in_any_format(engine: FakeEngine, form: str) -> None:
    """White space comes first, in a place at which the format allows it."""
    app = application_of(engine)
    app.state.silence_seconds = 0.1
    engine.free.clear()
    data = MODEL | {"response_format": form}
    with served(app) as url, httpx2.Client(trust_env=False, timeout=10) as client:
        with client.stream("POST", url + TRANSCRIPTIONS, files=AUDIO, data=data) as response:
            threading.Timer(0.5, engine.free.set).start()
            late = response.read().decode()
        soon = client.post(url + TRANSCRIPTIONS, files=AUDIO, data=data)
    assert response.headers["content-type"] == soon.headers["content-type"]
    assert late.split() == soon.text.split()
    assert len(late) >= len(soon.text) + 3
    if form == "vtt":
        assert late.startswith("WEBVTT\n\n")


@pytest.mark.parametrize("stream", ["false", "true"])
def test_caller_that_leaves_before_the_first_word_stops_the_work(engine: FakeEngine, stream: str) -> None:
    """While nothing has been answered yet."""
    engine.segments = ()
    engine.free.clear()
    with served(application_of(engine)) as url, httpx2.Client(trust_env=False, timeout=0.5) as client:
        with pytest.raises(httpx2.ReadTimeout):
            client.post(url + TRANSCRIPTIONS, files=AUDIO, data=MODEL | {"stream": stream, "language": "en"})
        assert engine.cancelled.wait(5)
