"""The routes, with a fake engine: requests that they accept and refuse, and the answers that they promise."""

import json
import logging
import os
import threading
from dataclasses import replace
from io import StringIO
from typing import BinaryIO

import numpy as np
import pytest
from starlette.testclient import TestClient

from service.errors import NoAudioTrack
from service.provenance import transcript_provenance
from service.recording import Recording
from tests.service.http.fakes import AUDIO, RECORDING, SETTINGS, FakeEngine, application, error


def test_transcribe_keeps_the_original_contract(client: TestClient) -> None:
    """The response has the original service's keys, and more."""
    response = client.post("/transcribe", files=AUDIO)
    assert response.status_code == 200
    answer = response.json()
    assert answer["metadata"].items() >= {"language": "en", "probability": 0.99}.items()
    assert answer["transcription"][0].items() >= {"start": 0.0, "end": 1.0, "text": "hello"}.items()
    assert answer["metadata"]["partial"] is False
    assert answer["transcription"][0]["channel"] == 0


def test_answer_has_the_provenance_of_a_stored_transcript(engine: FakeEngine) -> None:
    """It names what ran; of the model's folder or address only the last part, as the list of models does."""
    settings = replace(SETTINGS, model="s3://private/models/base", image="sha256:cd")
    client = TestClient(application(engine, settings=settings))
    made = client.post("/transcribe", files=AUDIO).json()["provenance"]
    assert made == transcript_provenance(settings, encoder=engine.encoder) | {"model": "base"}
    assert client.get("/v1/models").json()["data"][0]["id"] == made["model"]


def test_health_and_readiness_answer(client: TestClient) -> None:
    """The original service's health check, and a readiness check."""
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "healthy"})
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (200, {"status": "ready"})


def test_draining_service_is_healthy_but_not_ready(engine: FakeEngine) -> None:
    """The load balancer sends it no new requests; one that arrives nevertheless is told to retry."""
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

    def decode(_: BinaryIO, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        threads.append(threading.current_thread().name)
        return RECORDING

    TestClient(application(engine, decode=decode)).post("/transcribe", files=AUDIO)
    assert threads[0].startswith("call")


@pytest.mark.parametrize("size", [7_000, 2_000_000], ids=["in memory", "on disk"])
def test_upload_reaches_the_decoder_whole_and_is_removed(engine: FakeEngine, size: int) -> None:
    """The decoder reads the bytes that were sent, by descriptor, from an unnamed file that is closed afterwards."""
    seen: list[tuple[BinaryIO, bytes, int]] = []

    def decode(source: BinaryIO, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        seen.append((source, os.pread(source.fileno(), size + 1, 0), os.fstat(source.fileno()).st_nlink))
        return RECORDING

    sent = np.random.default_rng(7).bytes(size)
    app = application(engine, decode=decode, settings=replace(SETTINGS, max_upload_bytes=3_000_000))
    TestClient(app).post("/transcribe", files={"audio_file": ("../../x", sent)})
    source, content, links = seen[0]
    assert content == sent
    assert (source.closed, links) == (True, 0)


@pytest.mark.parametrize(
    ("files", "data", "status", "param", "code", "told"),
    [
        ({"file": ("a.wav", b"RIFF")}, {}, 400, "audio_file", "missing_file", "form fields: file"),
        ({}, {}, 400, "audio_file", "missing_file", "form fields: none"),
        ({}, {"audio_file": "text"}, 400, "body", "bad_form", "application/x-www-form-urlencoded"),
        (AUDIO, {"langauge": "en"}, 400, "langauge", "unknown_field", "one of audio_file, language, words"),
        (AUDIO, {"language": "xx"}, 400, "language", "unknown_language", "'xx'"),
        (AUDIO, {"words": "maybe"}, 400, "words", "invalid_value", "true or false"),
    ],
)
def test_wrong_form_is_refused_with_the_fields_name(
    client: TestClient,
    files: dict[str, tuple[str, bytes]],
    data: dict[str, str],
    status: int,
    param: str,
    code: str,
    told: str,
) -> None:
    """The error names the field, the value and the values that work."""
    response = client.post("/transcribe", files=files, data=data)
    assert (response.status_code, error(response)["param"], error(response)["code"]) == (status, param, code)
    assert told in error(response)["message"]


@pytest.mark.parametrize("query", ["language=fr&words=true", "lang=fr", "words="])
def test_query_parameter_is_refused(client: TestClient, query: str) -> None:
    """A parameter that was ignored would give a transcript that the caller did not ask for."""
    response = client.post(f"/transcribe?{query}", files=AUDIO)
    assert (response.status_code, error(response)["code"]) == (400, "unknown_field")
    assert error(response)["param"] == query.partition("=")[0]
    assert "language, words, stream are form fields" in error(response)["message"]


@pytest.mark.parametrize("repeated", ["language", "words"])
def test_field_given_twice_is_refused(client: TestClient, repeated: str) -> None:
    """Neither of two values is the right one."""
    values = {"language": ["en", "fr"], "words": ["true", "true"]}
    response = client.post("/transcribe", files=AUDIO, data={repeated: values[repeated]})
    assert (response.status_code, error(response)["code"], error(response)["param"]) == (
        400,
        "repeated_field",
        repeated,
    )


def test_recording_given_twice_is_refused(client: TestClient) -> None:
    """As a file twice, or as a file and as text."""
    assert client.post("/transcribe", files=[*AUDIO.items(), *AUDIO.items()]).status_code == 400
    response = client.post("/transcribe", files=AUDIO, data={"audio_file": "x"})
    assert error(response)["code"] in {"repeated_field", "missing_file"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/transcribe/", "/healthz/", "//transcribe"])
def test_no_path_is_redirected(client: TestClient, method: str, path: str) -> None:
    """Behind TLS a redirect would name an address without it, and a client would send its key in the clear."""
    # Whole, since `//transcribe` alone would name another host.
    response = client.request(method, f"http://testserver{path}", follow_redirects=False)
    assert (response.status_code, error(response)["code"]) == (404, "not_found")


def test_name_of_the_upload_reaches_the_decoder(engine: FakeEngine) -> None:
    """Its suffix tells the format of a file without a header."""
    names: list[str] = []

    def decode(_: BinaryIO, *, name: str = "") -> Recording:
        names.append(name)
        return RECORDING

    TestClient(application(engine, decode=decode)).post("/transcribe", files={"audio_file": ("call.ulaw", b"abc")})
    assert names == ["call.ulaw"]


def test_refused_recording_keeps_its_status_and_code(engine: FakeEngine) -> None:
    """The caller reads the decoder's error."""

    def decode(_: BinaryIO, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        raise NoAudioTrack(tracks=1)

    response = TestClient(application(engine, decode=decode)).post("/transcribe", files=AUDIO)
    assert (response.status_code, error(response)["code"]) == (422, "no_audio")
    message = "audio_file: the file has no sound (got '1 tracks, none of them audio'); expected one audio track"
    # The caller knows the recording by the name of its form field, not by the service's own.
    assert (error(response)["param"], error(response)["message"]) == ("audio_file", message)


@pytest.mark.parametrize("declared", [True, False], ids=["content-length", "chunked"])
def test_too_large_upload_is_refused(client: TestClient, *, declared: bool) -> None:
    """Over the limit it is 413, whether the size is declared or only found while reading."""
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
    """A body that is not a form is the caller's mistake, not the server's."""
    response = client.post("/transcribe", headers=headers, content=content)
    assert response.status_code == status
    assert error(response)["type"] == "invalid_request_error"


def test_many_parts_are_refused(client: TestClient) -> None:
    """Ten thousand form fields are not a recording."""
    response = client.post("/transcribe", files=AUDIO, data={f"f{number}": "x" for number in range(100)})
    assert response.status_code == 400


def test_wrong_method_and_path_answer_in_the_same_envelope(client: TestClient) -> None:
    """405 and 404 are JSON as well."""
    assert error(client.get("/transcribe"))["code"] == "method_not_allowed"
    assert error(client.get("/nowhere"))["code"] == "not_found"


def test_unexpected_error_reveals_nothing_private(engine: FakeEngine) -> None:
    """A bug is a 500 with a request id; its text stays in the log."""

    def decode(_: BinaryIO, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        raise KeyError("secret")

    client = TestClient(application(engine, decode=decode), raise_server_exceptions=False)
    response = client.post("/transcribe", files=AUDIO)
    assert (response.status_code, error(response)["code"]) == (500, "internal_error")
    assert "secret" not in response.text
    assert client.post("/transcribe", files=AUDIO).status_code == 500  # alive


def test_every_answer_carries_a_request_id_of_its_own(client: TestClient) -> None:
    """The id in the response finds the lines in the log."""
    identities = {client.get("/healthz").headers["x-request-id"] for _ in range(3)}
    assert len(identities) == 3


def test_logs_hold_no_words_and_no_file_name(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """The words and the file name stay private."""
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
    """Each call, transcribed or refused, writes one line of metrics under the request id of its response."""
    metrics = StringIO()
    response = TestClient(application(engine, metrics=metrics)).post("/transcribe", **request_form)  # type: ignore[arg-type]
    (line,) = map(json.loads, metrics.getvalue().splitlines())
    assert (line["Outcome"], line["Environment"], line["Service"]) == (outcome, "test", "api")
    assert line["request_id"] == response.headers["x-request-id"]
    assert ("AudioSeconds" in line) == (outcome == "succeeded")
