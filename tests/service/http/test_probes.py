"""Health, readiness and metrics, with an engine that is well, busy or stuck."""

from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from service import telemetry
from service.contract import WebhookMetric
from service.recording import Recording
from service.transcript import Transcript
from tests.service.cloud import until
from tests.service.http.fakes import AUDIO, SETTINGS, FakeEngine, application
from tests.service.http.real_server import HEAD, TAIL, RawClient, served


def test_service_with_a_stuck_engine_is_neither_healthy_nor_ready(engine: FakeEngine) -> None:
    """ECS replaces the task, and the load balancer sends it no more requests."""
    client = TestClient(application(engine))
    engine.busy = SETTINGS.stuck_seconds + 1.0
    assert [(client.get(path).status_code, client.get(path).json()["status"]) for path in ("/healthz", "/readyz")] == [
        (503, "stuck"),
        (503, "stuck"),
    ]


def test_service_with_a_busy_engine_is_healthy(engine: FakeEngine) -> None:
    """A batch that takes long, under load, is no reason to replace a task with all its calls."""
    client = TestClient(application(engine))
    engine.busy = SETTINGS.stuck_seconds - 1.0
    assert {client.get(path).status_code for path in ("/healthz", "/readyz")} == {200}


class Hanging(FakeEngine):
    """Hangs outside of every batch, and hears of no cancellation, until `free` is set."""

    def transcribe(self, *recording: Any, **options: Any) -> Transcript:
        """Hang, then transcribe."""
        self.free.wait(30)
        return super().transcribe(*recording, **options)


def test_call_that_does_not_end_counts_as_a_stuck_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its deadline it ends with its batch; one that hangs elsewhere would keep its turn while all seems well."""
    engine = Hanging()
    engine.free.clear()
    app = application(engine)
    monkeypatch.setattr(app.state.calls, "_deadline", 0.2)
    monkeypatch.setattr(app.state.calls, "_stuck_seconds", 0.2)
    body = HEAD + b"RIFF" + TAIL
    with served(app) as url:
        client = RawClient(url)
        client.post(f"Content-Length: {len(body)}", "Connection: close")
        client.send(body)
        until(lambda: httpx2.get(f"{url}/healthz").status_code == 503)
        engine.free.set()
        until(lambda: httpx2.get(f"{url}/healthz").status_code == 200)
        client.close()


def sample(text: str, name: str) -> float:
    """The value of a metric in Prometheus's text format."""
    return next(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


def test_metrics_count_requests_and_calls(engine: FakeEngine) -> None:
    """By path and status, and by outcome; any other path is one label, because callers choose paths."""
    client = TestClient(application(engine))
    client.post("/transcribe", files=AUDIO)
    client.post("/transcribe", data={"words": "x"})
    for number in range(5):
        client.get(f"/nowhere/{number}")
    client.get("/v1/models/o")
    response = client.get("/metrics")
    text = response.text
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert sample(text, 'whisper_requests_total{caller="",path="/transcribe",status="200"}') == 1
    assert sample(text, 'whisper_requests_total{caller="",path="none",status="404"}') == 5
    assert sample(text, 'whisper_requests_total{caller="",path="/v1/models/{model}",status="404"}') == 1
    assert sample(text, 'whisper_calls_total{outcome="succeeded"}') == 1
    assert sample(text, 'whisper_calls_total{outcome="refused"}') == 1
    assert sample(text, "whisper_audio_seconds_total") == 1
    assert sample(text, "whisper_call_seconds_count") == 2
    assert sample(text, "whisper_queue_audio_seconds") == 0
    assert sample(text, "whisper_requests_under_way") == 1  # this one
    assert "/nowhere" not in text


def test_prometheus_counts_attempts_at_webhooks(engine: FakeEngine) -> None:
    """By their outcomes, as CloudWatch does."""
    app = application(engine)
    for metric in (WebhookMetric.ATTEMPTS_FAILED, WebhookMetric.ATTEMPTS_FAILED, WebhookMetric.GIVEN_UP):
        app.state.calls.meter.count(metric)
    text = TestClient(app).get("/metrics").text
    assert sample(text, 'whisper_webhooks_total{outcome="attempts_failed"}') == 2
    assert sample(text, 'whisper_webhooks_total{outcome="given_up"}') == 1


class Noting(FakeEngine):
    """Notes the request id that its threads log."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def transcribe(self, recording: Recording, **options: Any) -> Transcript:
        """Note the id, then transcribe."""
        self.ids.append(telemetry.request_id.get())
        return super().transcribe(recording, **options)


def test_request_keeps_the_id_that_its_caller_chose() -> None:
    """It is in the response, and in the lines that the engine's thread logs."""
    engine = Noting()
    client = TestClient(application(engine))
    response = client.post("/transcribe", files=AUDIO, headers={"x-request-id": "crm-42"})
    assert (response.headers["x-request-id"], engine.ids) == ("crm-42", ["crm-42"])


@pytest.mark.parametrize("chosen", ["", "a b", "x" * 65, "a\tb", '"}'])
def test_id_that_is_not_short_and_plain_is_replaced(engine: FakeEngine, chosen: str) -> None:
    """It goes into every log line."""
    response = TestClient(application(engine)).get("/healthz", headers={"x-request-id": chosen})
    assert response.headers["x-request-id"] != chosen
    assert len(response.headers["x-request-id"]) == 32
