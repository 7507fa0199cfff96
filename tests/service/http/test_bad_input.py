"""Bad input on a real server: each is refused with its status, and nothing is left of it."""

import gc
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from starlette.applications import Starlette

from service.http import bodies, connections, form_parser
from service.recording import Recording
from tests.service.http.fakes import RECORDING, SETTINGS, FakeEngine, application, said
from tests.service.http.real_server import HEAD, TAIL, RawClient, chunk, served

CHUNKED = "Transfer-Encoding: chunked"
CLOSE = "Connection: close"


@pytest.fixture
def app(engine: FakeEngine) -> Starlette:
    """The application."""
    return application(engine)


@pytest.fixture
def url(app: Starlette) -> Iterator[str]:
    """The URL of its server."""
    with served(app) as url:
        yield url


def length(content: bytes) -> str:
    """The header that declares a body's length."""
    return f"Content-Length: {len(content)}"


def test_body_that_is_declared_too_large_is_refused_unread(url: str) -> None:
    """413 comes before any byte of the body is sent, and no client is told to go on."""
    client = RawClient(url)
    client.post("Content-Length: 5000000000", "Expect: 100-continue")
    answer = client.answer()
    assert (answer.status, answer.error["code"]) == (413, "upload_too_large")
    assert "connection: close" in answer.head


def test_body_that_grows_too_large_is_refused_in_its_middle(url: str) -> None:
    """413 comes while the client would still send, and the connection closes."""
    client = RawClient(url)
    client.post(CHUNKED)
    client.send(chunk(HEAD) + chunk(bytes(9_000)) + chunk(bytes(9_000)))
    answer = client.answer()
    assert (answer.status, answer.error["code"]) == (413, "upload_too_large")


def test_client_that_reads_only_at_the_end_gets_the_refusal(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As OpenAI's clients do: a connection that closes while they send would hide what is wrong."""
    monkeypatch.setattr(bodies, "LINGER_SECONDS", 20)
    body = HEAD + bytes(8_000_000) + TAIL
    client = RawClient(url)
    client.post(length(body))
    client.send(body)
    answer = client.answer()
    assert (answer.status, answer.error["code"]) == (413, "upload_too_large")


def test_body_that_stops_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """408, though the connection stays open: a client that waits holds nothing for ever."""
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.3)
    client = RawClient(url)
    client.post("Content-Length: 9000")
    client.send(HEAD)
    began = time.monotonic()
    answer = client.answer()
    assert (answer.status, answer.error["code"]) == (408, "upload_too_slow")
    assert 0.2 < time.monotonic() - began < 2
    assert "at least 10000 bytes a second" in answer.error["expected"]


def test_body_that_trickles_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is too slow as well, however long the body may take in all."""
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.3)
    client = RawClient(url)
    client.post(CHUNKED)
    client.send(chunk(HEAD))
    for _ in range(2):
        client.send(chunk(b"-"))
        time.sleep(0.1)
    assert client.answer().status == 408


def test_body_has_a_deadline_at_any_rate(engine: FakeEngine) -> None:
    """An upload that never ends is refused, although it is fast enough."""
    settings = replace(SETTINGS, upload_seconds=1, upload_bytes_per_second=1, max_upload_bytes=10_000_000)
    with served(application(engine, settings=settings), settings) as url:
        client = RawClient(url)
        client.post(CHUNKED)
        client.send(chunk(HEAD))
        for _ in range(8):
            client.send(chunk(bytes(1_000)))
            time.sleep(0.1)
        assert client.answer().status == 408


# So large that a part of it is on the disk.
LARGE = replace(SETTINGS, max_upload_bytes=3_000_000)


def uploading(url: str, before: int, *headers: str) -> RawClient:
    """A client that has sent so much that its upload is in a file."""
    client = RawClient(url)
    client.post(*headers)
    content = HEAD + bytes(1_500_000)
    client.send(chunk(content) if CHUNKED in headers else content)
    until(lambda: unnamed_files() == before + 1)
    return client


def test_client_that_disconnects_leaves_nothing(engine: FakeEngine) -> None:
    """Neither an open file, nor a request under way, nor reserved disk space."""
    app, before = application(engine, settings=LARGE), unnamed_files()
    with served(app, LARGE) as url:
        for _ in range(3):
            uploading(url, before, "Content-Length: 2000000").close()
            until(lambda: unnamed_files() == before)
        until(lambda: app.state.traffic.total == 0)
        assert app.state.calls.queue.audio == 0
        body = HEAD + b"RIFF" + TAIL
        client = RawClient(url)
        client.post(length(body), CLOSE)
        client.send(body)
        assert client.answer().status == 200


def test_upload_that_is_refused_in_its_middle_leaves_nothing(engine: FakeEngine) -> None:
    """What has come of it is removed from the disk."""
    before = unnamed_files()
    with served(application(engine, settings=LARGE), LARGE) as url:
        client = uploading(url, before, CHUNKED)
        client.send(chunk(bytes(2_000_000)))
        assert client.answer().status == 413
        until(lambda: unnamed_files() == before)


def test_clients_that_send_nothing_keep_nobody_waiting(url: str) -> None:
    """A call is served at once while 25 others have begun an upload and gone silent."""
    silent = [RawClient(url) for _ in range(25)]
    for client in silent:
        client.post(CHUNKED)
        client.send(chunk(HEAD))
    body = HEAD + b"RIFF" + TAIL
    began = time.monotonic()
    caller = RawClient(url)
    caller.post(length(body), CLOSE)
    caller.send(body)
    assert caller.answer().status == 200
    assert time.monotonic() - began < 2
    for client in silent:
        client.close()


def test_ten_thousand_parts_are_refused(engine: FakeEngine) -> None:
    """400, and long before the last of them is read."""
    settings = replace(SETTINGS, max_upload_bytes=10_000_000)
    part = b'--x\r\nContent-Disposition: form-data; name="words"\r\n\r\ntrue\r\n'
    with served(application(engine, settings=settings), settings) as url:
        client = RawClient(url)
        client.post(length(part * 10_000))
        client.send(part * 100)
        assert client.answer().status == 400


@pytest.mark.parametrize("name", [b"keywords[]", b"k" * 4_000], ids=["many values", "long names"])
def test_text_of_a_form_is_limited_in_all(engine: FakeEngine, name: bytes) -> None:
    """400 in the middle of the upload: each of a thousand fields could have a megabyte, which stays in memory."""
    settings = replace(SETTINGS, max_upload_bytes=100_000_000)
    value = b"x" * (12_000 - len(name))
    part = b'--x\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + value + b"\r\n"
    with served(application(engine, settings=settings), settings) as url:
        client = RawClient(url)
        client.post(length(part * 1_000), path="/v1/audio/transcriptions")
        client.send(part * (1 + form_parser.MAX_TEXT_BYTES // 12_000))
        answer = client.answer()
    assert (answer.status, answer.error["code"]) == (400, "bad_form")
    assert f"more than {form_parser.MAX_TEXT_BYTES} bytes" in answer.error["message"]


def test_form_that_cannot_have_a_file_is_refused_unread(url: str) -> None:
    """400 at once: the body of another kind of form would be held in memory, and has no recording."""
    client = RawClient(url)
    head = "POST /transcribe HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    client.send(f"{head}Content-Length: 9000\r\n\r\n".encode())
    answer = client.answer()
    assert (answer.status, answer.error["code"]) == (400, "bad_form")
    assert answer.error["value"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("size", [15_000, 100_000], ids=["above our limit", "above the parser's"])
def test_huge_head_is_refused(url: str, size: int) -> None:
    """400 in the service's own envelope, whether the server's parser finds it or the service does."""
    client = RawClient(url)
    client.post("Content-Length: 0", CLOSE, f"X-Large: {'x' * size}", f"X-More: {'x' * 2_000}")
    answer = client.answer()
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("size", [300, 12_000])
def test_huge_boundary_is_refused(url: str, size: int) -> None:
    """400: no client needs one of more than 70 characters."""
    boundary = b"b" * size
    client = RawClient(url)
    body = b"--" + boundary + b"\r\n" + HEAD.partition(b"\r\n")[2] + b"RIFF\r\n--" + boundary + b"--\r\n"
    client.send(
        b"POST /transcribe HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary="
        + boundary
        + f"\r\n{length(body)}\r\n\r\n".encode()
    )
    client.send(body)
    answer = client.answer()
    assert (answer.status, answer.error["code"]) == (400, "bad_form")


@pytest.mark.parametrize("name", ["../../etc/cron.d/x.wav", "/tmp/x.wav", "a\0b.wav", "..\\x.wav"])
def test_name_of_a_file_is_never_a_path(engine: FakeEngine, tmp_path: Path, name: str) -> None:
    """The upload goes into a file without a name, and no file appears anywhere."""
    links: list[int] = []

    def decode(source: BinaryIO, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        links.append(os.fstat(source.fileno()).st_nlink)
        return RECORDING

    body = HEAD.replace(b"a.wav", name.encode()) + b"RIFF" + TAIL
    with served(application(engine, decode=decode)) as url:
        client = RawClient(url)
        client.post(length(body), CLOSE)
        client.send(body)
        assert client.answer().status == 200
    assert links == [0]
    assert not list(tmp_path.iterdir())


def test_compressed_body_is_refused(url: str) -> None:
    """415 before a byte is read: a compressed body's size is unknown until it is too late."""
    client = RawClient(url)
    client.post("Content-Length: 1000", "Content-Encoding: gzip")
    answer = client.answer()
    assert (answer.status, answer.error["code"]) == (415, "unsupported_encoding")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "PROPFIND", "BREW"])
def test_odd_verb_is_refused(url: str, method: str) -> None:
    """405, with the verb that works."""
    client = RawClient(url)
    client.post(CLOSE, method=method)
    answer = client.answer()
    assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")
    assert "allow: post" in answer.head


def test_head_that_never_ends_closes_its_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header now and then would hold a connection for ever."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    client = RawClient(url)
    client.send(b"POST /transcribe HTTP/1.1\r\nHost: x\r\n")
    began = time.monotonic()
    with pytest.raises(IndexError):
        client.answer()
    assert time.monotonic() - began < 2


# More than the buffers of both ends of a connection take.
LONG = 20_000_000
STREAM = b'\r\n--x\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue'


def test_client_that_reads_no_answer_is_gone(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its request, which counts among those under way, ends, and so does its connection."""
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.5)
    engine.segments = (replace(said("hello", start=0.0), text="x" * LONG),) * 2
    app, body = application(engine), HEAD + b"RIFF" + STREAM + TAIL
    with served(app) as url:
        client = RawClient(url)
        client.post(length(body))
        client.send(body)
        until(lambda: app.state.traffic.total == 1)
        until(lambda: app.state.traffic.total == 0, seconds=20)
        assert len(client.answer().body) < 2 * LONG


def test_client_that_reads_slowly_gets_its_whole_answer(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it reads anything: its line may be slow."""
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.5)
    engine.segments = (replace(said("hello", start=0.0), text="x" * LONG),)
    body = HEAD + b"RIFF" + TAIL
    with served(application(engine)) as url:
        client = RawClient(url)
        client.post(length(body), CLOSE)
        client.send(body)
        answer = client.answer(pause_seconds=0.15, piece_bytes=LONG // 8)
    assert answer.status == 200
    assert len(answer.body) > LONG


def test_address_with_too_many_connections_is_refused_and_others_are_not(engine: FakeEngine) -> None:
    """429 at once, before a request is read; other addresses connect."""
    settings = replace(SETTINGS, max_client_requests=3)
    with served(application(engine, settings=settings), settings) as url:
        idle = [RawClient(url, source="127.0.0.2") for _ in range(3)]
        time.sleep(0.2)
        answer = RawClient(url, source="127.0.0.2").answer()
        assert (answer.status, answer.error["code"]) == (429, "too_many_requests")
        assert "retry-after: 1" in answer.head
        body = HEAD + b"RIFF" + TAIL
        other = RawClient(url, source="127.0.0.3")
        other.post(length(body), CLOSE)
        other.send(body)
        assert other.answer().status == 200
        for client in idle:
            client.close()


def test_bytes_that_are_no_http_are_refused(url: str) -> None:
    """400 in the service's own envelope."""
    client = RawClient(url)
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
    answer = client.answer()
    assert (answer.status, answer.error["code"]) == (400, "bad_request")


def unnamed_files() -> int:
    """How many of this process's descriptors are open files without a name."""
    gc.collect()
    return sum("(deleted)" in str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink())


def until(reached: "object", seconds: float = 5) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)
