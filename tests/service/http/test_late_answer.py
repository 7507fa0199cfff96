"""Calls that take long: no silence that a gateway would end, a deadline, and errors that say where long recordings go."""

import asyncio
import itertools
import json
import logging
import threading
import time
from dataclasses import replace
from io import StringIO
from typing import BinaryIO

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from service.errors import AudioTooLong
from service.http import calls
from service.recording import Recording
from tests.service.http.fakes import AUDIO, RECORDING, SETTINGS, FakeEngine, application, error
from tests.service.http.real_server import served
from tests.service.http.test_calls import ONE_TURN, Caller, run


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "DISCONNECT_POLL_SECONDS", 0.005)


def quiet_for(engine: FakeEngine, seconds: float, *, deadline: int = 60) -> Starlette:
    """An application whose callers hear something every so many seconds."""
    app = application(engine, settings=replace(SETTINGS, api_deadline_seconds=deadline))
    app.state.silence_seconds = seconds
    return app


def test_long_call_is_never_silent_and_its_answer_is_the_same_json(engine: FakeEngine) -> None:
    """Spaces come while the work goes on; readers of JSON skip them."""
    engine.free.clear()
    seen: list[tuple[float, bytes]] = []
    with (
        served(quiet_for(engine, 0.2)) as url,
        httpx2.Client(trust_env=False, timeout=10) as client,
        client.stream("POST", f"{url}/transcribe", files=AUDIO) as response,
    ):
        threading.Timer(1, engine.free.set).start()
        began = time.monotonic()
        seen.extend((time.monotonic() - began, chunk) for chunk in response.iter_raw())
    body = b"".join(chunk for _, chunk in seen)
    spaces = len(body) - len(body.lstrip(b" "))
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert json.loads(body)["transcription"][0]["text"] == "hello"
    assert spaces >= 3
    assert max(after - before for (before, _), (after, _) in itertools.pairwise(seen)) < 0.6


def test_short_call_is_answered_without_spaces(client: TestClient) -> None:
    """Nothing changes for calls that end before the first silence is over."""
    response = client.post("/transcribe", files=AUDIO)
    assert response.content.startswith(b"{")
    assert "content-length" in response.headers


def test_failure_after_the_answer_has_begun_cuts_it_off(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The status was sent, so only a broken response tells the caller: an error in a 200 could pass for a transcript."""
    caplog.set_level(logging.INFO, logger="service")
    engine.free.clear()
    app = quiet_for(engine, 0.1)
    monkeypatch.setattr(app.state.calls, "_deadline", 0.5)
    with served(app) as url, httpx2.Client(trust_env=False, timeout=10) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            client.post(f"{url}/transcribe", files=AUDIO)
        engine.free.set()
        assert client.post(f"{url}/transcribe", files=AUDIO).status_code == 200
    assert [record.facts["error"] for record in caplog.records if record.message == "answer cut off"] == [  # type: ignore[attr-defined]
        "AnswerTooLate"
    ]


def test_call_beyond_its_deadline_is_refused_and_frees_its_turn(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work stops, the metric says deadline, and the error says where long recordings go."""
    metrics = StringIO()
    app = application(engine, settings=ONE_TURN, metrics=metrics)
    monkeypatch.setattr(app.state.calls, "_deadline", 0.1)
    engine.free.clear()
    client = TestClient(app)
    response = client.post("/transcribe", files=AUDIO)
    assert (response.status_code, error(response)["code"], response.headers["retry-after"]) == (503, "deadline", "60")
    assert response.headers["x-should-retry"] == "false"
    assert "POST /jobs" in error(response)["expected"]
    assert engine.cancelled.is_set()
    assert '"Outcome": "deadline"' in metrics.getvalue()
    engine.free.set()
    assert client.post("/transcribe", files=AUDIO).status_code == 200


def test_call_that_waits_beyond_its_deadline_never_begins(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time in the queue counts: a task that is being replaced finishes everything that it accepted in time."""
    decoding, go_on = threading.Event(), threading.Event()
    decoded: list[str] = []

    def decode(_: BinaryIO, *, name: str = "") -> Recording:
        decoded.append(name)
        decoding.set()
        assert go_on.wait(10)
        return RECORDING

    app = application(engine, decode=decode, settings=ONE_TURN)
    monkeypatch.setattr(app.state.calls, "_deadline", 0.2)

    async def scenario() -> None:
        first = Caller(app)
        assert await asyncio.to_thread(decoding.wait, 5)
        second = Caller(app)
        await second.request
        go_on.set()
        await first.request
        assert (first.status, second.status) == (503, 503)

    run(scenario)
    assert len(decoded) == 1


def test_recording_that_takes_too_long_is_refused_with_the_way_to_go(engine: FakeEngine) -> None:
    """A caller cannot raise the limit, but can hand the recording over as a job."""

    def decode(_: BinaryIO, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        raise AudioTooLong(seconds=901, limit=900)

    response = TestClient(application(engine, decode=decode)).post("/transcribe", files=AUDIO)
    assert (response.status_code, error(response)["code"]) == (413, "audio_too_long")
    assert error(response)["expected"] == "at most 900 s over HTTP; hand a longer recording over as a job (POST /jobs)"


def test_caller_that_leaves_a_long_call_stops_the_work(engine: FakeEngine) -> None:
    """Also once the answer has begun."""
    engine.free.clear()
    with served(quiet_for(engine, 0.1)) as url, httpx2.Client(trust_env=False, timeout=10) as client:
        with client.stream("POST", f"{url}/transcribe", files=AUDIO) as response:
            next(response.iter_raw())
        assert engine.cancelled.wait(5)
