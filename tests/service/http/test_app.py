"""The HTTP face, with a fake engine: what it accepts, refuses, counts and promises."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from threading import Event

import httpx2
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Message

from service.engine.engine import Progress
from service.errors import NoAudioTrack, UnknownLanguage
from service.http.app import create_app
from service.recording import Recording
from service.settings import Settings
from service.telemetry import Meter
from service.transcript import Segment, Transcript

SETTINGS = Settings(max_running=2, max_waiting=1, max_upload_bytes=10_000)
RECORDING = Recording(samples=np.zeros((1, 16_000), np.int16), missing_seconds=0.0, gaps=())
AUDIO = {"audio_file": ("call.wav", b"RIFF")}


class FakeEngine:
    """Says hello, once it is let; remembers who called it."""

    def __init__(self) -> None:
        self.free = Event()
        self.free.set()
        self.started = Event()
        self.cancelled = Event()
        self.threads: list[str] = []
        self.loops = 0

    def check_language(self, language: str) -> None:
        """Know English only."""
        if language not in {"", "en"}:
            raise UnknownLanguage(language=language, known=["en"])

    def transcribe(self, recording: Recording, *, language: str, words: bool, progress: Progress) -> Transcript:
        """Wait until let, then say hello."""
        del language, words
        self.threads.append(threading.current_thread().name)
        try:
            asyncio.get_running_loop()
            self.loops += 1
        except RuntimeError:
            pass
        self.started.set()
        while not self.free.wait(0.02):
            try:
                progress(0.5)
            except BaseException:
                self.cancelled.set()
                raise
        segment = Segment(channel=0, start=0.0, end=1.0, text="hello", average_log_probability=-0.1)
        return Transcript(
            language="en",
            language_probability=0.99,
            duration=recording.duration,
            channels=recording.channels,
            segments=(segment,),
        )


@pytest.fixture
def engine() -> FakeEngine:
    """An engine that answers at once."""
    return FakeEngine()


def application(
    engine: FakeEngine,
    *,
    decode: Callable[[Path], Recording] = lambda _: RECORDING,
    settings: Settings = SETTINGS,
    metrics: StringIO | None = None,
) -> Starlette:
    """The application around the fake engine."""
    meter = Meter(environment="test", service="api", stream=metrics or StringIO())
    return create_app(engine=engine, decode=decode, meter=meter, settings=settings)


@pytest.fixture
def client(engine: FakeEngine) -> Iterator[TestClient]:
    """A client of the application."""
    with TestClient(application(engine), raise_server_exceptions=False) as client:
        yield client


def error(response: httpx2.Response) -> dict[str, str]:
    """The error that a response carries."""
    body: dict[str, str] = response.json()["error"]
    assert {"message", "type", "param", "code"} <= set(body)
    return body


def test_transcribe_keeps_the_original_contract(client: TestClient) -> None:
    """The keys of the original service are there, with others added."""
    response = client.post("/transcribe", files=AUDIO)
    assert response.status_code == 200
    answer = response.json()
    assert answer["metadata"].items() >= {"language": "en", "probability": 0.99}.items()
    assert answer["transcription"][0].items() >= {"start": 0.0, "end": 1.0, "text": "hello"}.items()
    assert answer["metadata"]["partial"] is False
    assert answer["transcription"][0]["channel"] == 0


def test_health_and_readiness_answer(client: TestClient) -> None:
    """The health contract of the original, and readiness beside it."""
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "healthy"})
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (200, {"status": "ready"})


def test_draining_service_is_healthy_but_not_ready(engine: FakeEngine) -> None:
    """While it drains, the load balancer sends nothing new, and what comes all the same is told to come back."""
    app = application(engine)
    app.state.calls.draining = True
    client = TestClient(app)
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    response = client.post("/transcribe", files=AUDIO)
    assert (response.status_code, error(response)["code"]) == (503, "draining")
    assert int(response.headers["retry-after"]) >= 1


def test_inference_runs_on_a_calls_thread(client: TestClient, engine: FakeEngine) -> None:
    """Never on the event loop."""
    client.post("/transcribe", files=AUDIO)
    assert engine.loops == 0
    assert engine.threads[0].startswith("call")


def test_decoding_runs_on_a_calls_thread(engine: FakeEngine) -> None:
    """Never on the event loop."""
    threads: list[str] = []

    def decode(_: Path) -> Recording:
        threads.append(threading.current_thread().name)
        return RECORDING

    TestClient(application(engine, decode=decode)).post("/transcribe", files=AUDIO)
    assert threads[0].startswith("call")


def test_upload_reaches_the_decoder_whole_and_is_removed(engine: FakeEngine) -> None:
    """The decoder reads the bytes that were sent, from a file that is gone afterwards."""
    seen: list[tuple[Path, bytes]] = []

    def decode(path: Path) -> Recording:
        seen.append((path, path.read_bytes()))
        return RECORDING

    sent = bytes(range(256)) * 30
    TestClient(application(engine, decode=decode)).post("/transcribe", files={"audio_file": ("../../x", sent)})
    path, content = seen[0]
    assert content == sent
    assert not path.exists()


@pytest.mark.parametrize(
    ("files", "data", "status", "param", "code", "told"),
    [
        ({"file": ("a.wav", b"RIFF")}, {}, 400, "audio_file", "missing_file", "form fields: file"),
        ({}, {}, 400, "audio_file", "missing_file", "form fields: none"),
        ({}, {"audio_file": "text"}, 400, "audio_file", "missing_file", "form fields: audio_file"),
        (AUDIO, {"langauge": "en"}, 400, "langauge", "unknown_field", "one of audio_file, language, words"),
        (AUDIO, {"language": "xx"}, 400, "language", "unknown_language", "'xx'"),
        (AUDIO, {"words": "maybe"}, 400, "words", "invalid_value", "true or false"),
    ],
)
def test_wrong_form_is_refused_by_name(
    client: TestClient,
    files: dict[str, tuple[str, bytes]],
    data: dict[str, str],
    status: int,
    param: str,
    code: str,
    told: str,
) -> None:
    """The answer names the field, the value and what was expected."""
    response = client.post("/transcribe", files=files, data=data)
    assert (response.status_code, error(response)["param"], error(response)["code"]) == (status, param, code)
    assert told in error(response)["message"]


def test_refused_recording_keeps_its_status_and_code(engine: FakeEngine) -> None:
    """What the decoder says is what the caller reads."""

    def decode(_: Path) -> Recording:
        raise NoAudioTrack(tracks=1)

    response = TestClient(application(engine, decode=decode)).post("/transcribe", files=AUDIO)
    assert (response.status_code, error(response)["code"]) == (422, "no_audio")
    assert (
        error(response)["message"]
        == "file: the file has no sound (got '1 tracks, none of them audio'); expected one audio track"
    )


@pytest.mark.parametrize("declared", [True, False], ids=["content-length", "chunked"])
def test_too_large_upload_is_refused(client: TestClient, *, declared: bool) -> None:
    """Over the limit it is 413, whether the size is declared or turns out."""
    boundary = "x"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="audio_file"; filename="a"\r\n\r\n'.encode()
    body = head + bytes(20_000) + f"\r\n--{boundary}--\r\n".encode()
    content = body if declared else iter([body[:9000], body[9000:18_000], body[18_000:]])
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    response = client.post("/transcribe", content=content, headers=headers)
    assert (response.status_code, error(response)["code"]) == (413, "upload_too_large")
    assert "at most 10000 bytes" in error(response)["message"]


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"content-type": "multipart/form-data"}, b"x", 400),
        ({"content-type": "multipart/form-data; boundary=x"}, b"no boundary in here", 400),
        ({"content-type": "application/json"}, b"{}", 400),
        ({"content-type": "multipart/form-data; boundary=x", "content-encoding": "gzip"}, b"x", 415),
    ],
)
def test_broken_body_is_refused(client: TestClient, headers: dict[str, str], content: bytes, status: int) -> None:
    """A body that is no form is the caller's mistake, not the server's."""
    response = client.post("/transcribe", headers=headers, content=content)
    assert response.status_code == status
    assert error(response)["type"] == "invalid_request_error"


def test_many_parts_are_refused(client: TestClient) -> None:
    """Ten thousand form fields are not a recording."""
    response = client.post("/transcribe", files=AUDIO, data={f"f{number}": "x" for number in range(100)})
    assert response.status_code == 400


def test_wrong_verb_and_path_answer_in_the_same_envelope(client: TestClient) -> None:
    """405 and 404 are JSON, too."""
    assert error(client.get("/transcribe"))["code"] == "method_not_allowed"
    assert error(client.get("/nowhere"))["code"] == "not_found"


def test_unexpected_error_tells_nothing_private(engine: FakeEngine) -> None:
    """A bug is a 500 with a request id; its text stays in the log."""

    def decode(_: Path) -> Recording:
        raise KeyError("secret")

    client = TestClient(application(engine, decode=decode), raise_server_exceptions=False)
    response = client.post("/transcribe", files=AUDIO)
    assert (response.status_code, error(response)["code"]) == (500, "internal_error")
    assert "secret" not in response.text
    assert client.post("/transcribe", files=AUDIO).status_code == 500  # alive


def test_every_answer_carries_a_request_id_of_its_own(client: TestClient) -> None:
    """The id in the answer finds the lines in the log."""
    identities = {client.get("/healthz").headers["x-request-id"] for _ in range(3)}
    assert len(identities) == 3


def test_logs_hold_no_words_and_no_file_name(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """What was said, and how the file is called, stays private."""
    metrics = StringIO()
    with caplog.at_level(logging.DEBUG, "service"):
        files = {"audio_file": ("0612345678.wav", b"RIFF")}
        TestClient(application(engine, metrics=metrics)).post("/transcribe", files=files)
    logged = json.dumps([vars(record) for record in caplog.records], default=str) + metrics.getvalue()
    assert "answered" in logged
    assert "hello" not in logged
    assert "0612345678" not in logged


@pytest.mark.parametrize(
    ("request_form", "outcome"),
    [({"files": AUDIO}, "succeeded"), ({"data": {"words": "x"}}, "refused"), ({"content": b"x"}, "refused")],
)
def test_every_call_is_measured_with_its_outcome(
    engine: FakeEngine, request_form: dict[str, object], outcome: str
) -> None:
    """One line of metrics a call, whether it was transcribed or refused, under the id of its answer."""
    metrics = StringIO()
    response = TestClient(application(engine, metrics=metrics)).post("/transcribe", **request_form)  # type: ignore[arg-type]
    (line,) = map(json.loads, metrics.getvalue().splitlines())
    assert (line["Outcome"], line["Environment"], line["Service"]) == (outcome, "test", "api")
    assert line["request_id"] == response.headers["x-request-id"]
    assert ("AudioSeconds" in line) == (outcome == "succeeded")


def test_full_service_asks_to_come_back_later(engine: FakeEngine) -> None:
    """Two run, one waits, the fourth is told when to come back; health answers all the while."""

    async def scenario() -> None:
        transport = httpx2.ASGITransport(application(engine))
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            engine.free.clear()
            calls = [asyncio.create_task(client.post("/transcribe", files=AUDIO)) for _ in range(3)]
            assert await asyncio.to_thread(engine.started.wait, 5)
            response = await client.post("/transcribe", files=AUDIO)
            assert (response.status_code, error(response)["code"]) == (503, "busy")
            assert int(response.headers["retry-after"]) >= 1
            assert (await client.get("/healthz")).status_code == 200
            engine.free.set()
            assert [response.status_code for response in await asyncio.gather(*calls)] == [200, 200, 200]

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_caller_that_hangs_up_stops_the_work(engine: FakeEngine) -> None:
    """An abandoned call burns no more CPU, and its place is free again."""
    app = application(engine, settings=replace(SETTINGS, max_running=1, max_waiting=0))

    async def scenario() -> None:
        body = b'--x\r\nContent-Disposition: form-data; name="audio_file"; filename="a"\r\n\r\nRIFF\r\n--x--\r\n'
        messages: list[Message] = [
            {"type": "http.request", "body": body, "more_body": False},
            {"type": "http.disconnect"},
        ]

        async def receive() -> Message:
            return messages.pop(0) if len(messages) > 1 else messages[0]

        async def send(_: Message) -> None:
            """Nobody reads it."""

        headers = [(b"content-type", b"multipart/form-data; boundary=x")]
        scope = {"type": "http", "method": "POST", "path": "/transcribe", "headers": headers, "query_string": b""}
        engine.free.clear()
        await app(scope, receive, send)
        assert await asyncio.to_thread(engine.cancelled.wait, 5)

    asyncio.run(asyncio.wait_for(scenario(), 10))
    engine.free.set()
    assert TestClient(app).post("/transcribe", files=AUDIO).status_code == 200


KEYS = ("0123456789abcdef", "fedcba9876543210")


@pytest.fixture
def guarded(engine: FakeEngine) -> TestClient:
    """A client of an application that asks for one of two keys."""
    return TestClient(application(engine, settings=replace(SETTINGS, api_keys=",".join(KEYS))))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("header", "form"), [("authorization", "Bearer {}"), ("x-api-key", "{}")])
def test_caller_with_a_key_is_let_in(guarded: TestClient, header: str, form: str, key: str) -> None:
    """Any of the keys, as the OpenAI SDK sends it or in a header of its own."""
    assert guarded.post("/transcribe", files=AUDIO, headers={header: form.format(key)}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": KEYS[0]},
        {"authorization": f"Basic {KEYS[0]}"},
        {"authorization": f"Bearer {KEYS[0][:-1]}"},
        {"x-api-key": ",".join(KEYS)},
        {"x-api-key": "\xe9" * 16},
    ],
    ids=["none", "empty", "no-scheme", "other-scheme", "cut", "all-at-once", "not-ascii"],
)
def test_caller_without_a_key_is_turned_away(guarded: TestClient, engine: FakeEngine, headers: dict[str, str]) -> None:
    """401 in the usual envelope, before the recording is read; the answer says how to show a key, and shows none."""
    response = guarded.post("/transcribe", files=AUDIO, headers=httpx2.Headers(headers, encoding="latin-1"))
    assert (response.status_code, error(response)["code"]) == (401, "invalid_api_key")
    assert response.headers["www-authenticate"] == "Bearer"
    assert "x-request-id" in response.headers
    assert "x-api-key" in error(response)["message"]
    assert not any(key in response.text for key in KEYS)
    assert engine.threads == []


def test_health_alone_needs_no_key(guarded: TestClient) -> None:
    """The load balancer has none; every other path, one that is added later too, is guarded."""
    assert [guarded.get(path).status_code for path in ("/healthz", "/readyz", "/nowhere")] == [200, 200, 401]


def test_key_is_never_logged(guarded: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a right one nor a wrong one."""
    with caplog.at_level(logging.DEBUG, "service"):
        guarded.post("/transcribe", files=AUDIO, headers={"x-api-key": KEYS[0]})
        guarded.post("/transcribe", files=AUDIO, headers={"x-api-key": "wrong-0123456789"})
    logged = json.dumps([vars(record) for record in caplog.records], default=str)
    assert "401" in logged
    assert KEYS[0] not in logged
    assert "wrong-0123456789" not in logged
