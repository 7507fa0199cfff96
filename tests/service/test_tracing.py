"""Traces of API and workers, as a collector receives them, and what a collector that fails does to calls: nothing."""

import ast
import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest

from demo.server import ROOT, running_server
from service.batch.events import Upload
from service.batch.results import ResultKeys
from service.settings import SettingError
from service.tracing import spans
from tests.service.cloud import Cloud, drained, until, worker
from tests.service.collector import ENVIRON, Collector, Span, collector
from tests.standin import MODEL, VOICEMAIL

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"
SERVER, CONSUMER = 2, 5


def post(url: str, **headers: str) -> httpx2.Response:
    """Send the voicemail with OpenAI's form."""
    files = {"file": ("0612345678.wav", VOICEMAIL.read_bytes())}
    route = f"{url}/v1/audio/transcriptions"
    return httpx2.post(route, files=files, data={"model": "whisper-1"}, headers=headers, timeout=60)


def assert_private(found: Collector, *private: str) -> None:
    """Nothing of it is anywhere in what the collector got."""
    for content in found.texts:
        for text in private:
            assert text.encode() not in content


def trace_of(upload: Upload) -> str:
    """The id of a recording's trace, which its version tells."""
    return hashlib.sha256(upload.version.encode()).hexdigest()[:32]


def children(found: Collector, parent: Span) -> list[str]:
    """The names of a span's children, in the order in which they began."""
    own = [span for span in found.spans if span.parent == parent.id and span.trace == parent.trace]
    return [span.name for span in sorted(own, key=lambda span: span.began)]


def test_call_is_a_trace_of_its_caller() -> None:
    """The request is a child of the caller's span; its waits, its decode, its rounds and its rendering are its own."""
    with collector() as found, running_server(model=str(MODEL), **found.environ) as server:
        answer = post(server.url, traceparent=TRACEPARENT, **{"x-request-id": "0612345678"})
        assert answer.status_code == 200
        httpx2.post(f"{server.url}/transcribe", files={"audio_file": ("a.wav", b"no sound")})
        httpx2.get(f"{server.url}/healthz")
        httpx2.get(f"{server.url}/0612345678", headers={"traceparent": "00-junk"})
        assert server.stop() == 0
        log = server.log.read_text()
    call = found.named("POST /v1/audio/transcriptions")
    assert (call.trace, call.parent, call.kind) == (TRACE, SPAN, SERVER)
    assert call.service == "whisper-fargate-api"
    assert call.facts["http.response.status_code"] == 200
    assert children(found, call) == ["wait to decode", "decode", "wait in the queue", "transcribe", "render"]
    part = {span.name: span for span in found.spans if span.trace == TRACE}
    assert part["decode"].facts["audio_seconds"] > 1
    shares = [facts["share"] for name, facts in part["transcribe"].events if name == "progress"]
    assert (shares[0], shares[-1]) == (0, 1)
    refused = found.named("POST /transcribe")
    assert refused.trace != TRACE
    assert {span.failed for span in found.spans if span.trace == refused.trace} == {"", "NotAudio"}
    assert found.named("GET none").facts["http.response.status_code"] == 404
    assert not [span for span in found.spans if "healthz" in span.name]
    lines = [json.loads(line) for line in log.splitlines()]
    assert {line["trace_id"] for line in lines if line.get("request_id") == "0612345678"} == {TRACE}
    words = [word for word in answer.json()["text"].split() if len(word) > 4]
    assert_private(found, *words, "0612345678")


def test_recording_is_a_trace_with_a_link_to_its_request(cloud: Cloud, tmp_path: Path) -> None:
    """From the upload to the results; the request that the object's metadata name is linked, and named by log and results."""
    requested = cloud.upload("0612345678.wav", metadata={"request-id": "crm-42", "traceparent": TRACEPARENT})
    put = cloud.upload("other.wav", metadata={"request-id": "no id", "traceparent": "junk"})
    with collector() as found, worker(cloud, tmp_path, **found.environ) as own:
        drained(cloud, own)
        assert own.stop() == 0
        lines = own.lines
    of = {span.trace: span for span in found.spans if span.name == "recording"}
    assert set(of) == {trace_of(requested), trace_of(put)}
    assert (of[trace_of(requested)].links, of[trace_of(put)].links) == ((TRACE,), ())
    for recording in of.values():
        assert (recording.parent, recording.kind, recording.service) == ("", CONSUMER, "whisper-fargate-worker")
        assert children(found, recording) == ["receive", "download", "decode", "transcribe", "publish"]
        assert recording.facts["outcome"] == "succeeded"
    metrics = {line["version"]: line["request_id"] for line in lines if "Outcome" in line}
    assert metrics == {requested.version: "crm-42", put.version: put.version}
    for upload, request_id in ((requested, "crm-42"), (put, put.version)):
        assert cloud.document(ResultKeys(upload).transcript)["provenance"]["request_id"] == request_id
    assert_private(found, "0612345678", cloud.recordings, "other.wav")


@contextmanager
def unreachable() -> Iterator[str]:
    """A port at which nothing listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"


@contextmanager
def hanging() -> Iterator[str]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


@pytest.mark.parametrize("broken", [pytest.param(unreachable, marks=pytest.mark.verify), hanging])
def test_collector_that_fails_delays_no_call_and_no_end(
    broken: Callable[[], AbstractContextManager[str]],
) -> None:
    """Calls are answered as always, the process ends in time, and the log says once that traces are lost."""
    own = {**ENVIRON, "OTEL_EXPORTER_OTLP_TIMEOUT": "2"}
    with broken() as url, running_server(model=str(MODEL), OTEL_EXPORTER_OTLP_ENDPOINT=url, **own) as server:
        assert post(server.url).status_code == 200
        took = []
        for _ in range(50):
            began = time.monotonic()
            assert httpx2.get(f"{server.url}/v1/models").status_code == 200
            took.append(time.monotonic() - began)
        # All but those that a busy machine holds up take a part of the exporter's timeout.
        assert sorted(took)[40] < 1
        until(lambda: "traces are lost" in server.log.read_text())
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 10
        assert server.log.read_text().count("traces are lost") == 1


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_wrong_variable_is_refused_at_the_start(environ: dict[str, str]) -> None:
    """Not at every export, in the log."""
    with pytest.raises(SettingError, match="got"):
        spans.start(environ, service="api", environment="test")
    assert spans.traceparent() == ""


def test_without_a_collector_nothing_is_imported() -> None:
    """Nor if it is disabled."""
    disabled = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}
    program = (
        "import sys\nfrom service import tracing\nimport service.http.app, service.batch.worker\n"
        f"for environ in ({{}}, {{'OTEL_EXPORTER_OTLP_ENDPOINT': ' '}}, {disabled!r}):\n"
        "    tracing.start(environ, service='api', environment='test')\n"
        "with tracing.span('x') as span:\n    span.note(a=1)\n    span.event('b')\n    span.link('c')\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_one_module_knows_opentelemetry() -> None:
    """It is imported if a collector is named, and only then."""
    found = {
        path.name
        for path in (ROOT / "service").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("opentelemetry")
    }
    assert found == {"otlp.py"}
