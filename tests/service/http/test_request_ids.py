"""Request ids on a real server: in every answer and every line of the log, never as a caller's raw bytes."""

import json
import logging
from io import StringIO

import pytest

from service.recording import Recording
from tests.service.http.fakes import FakeEngine, application
from tests.service.http.real_server import HEAD, TAIL, Answer, RawClient, served

BODY = HEAD + b"RIFF" + TAIL


def call(url: str, *headers: bytes) -> Answer:
    """The answer to a call with headers that a client library would not send."""
    client = RawClient(url)
    lines = [
        b"POST /transcribe HTTP/1.1",
        b"Host: x",
        b"Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {len(BODY)}".encode(),
        b"Connection: close",
        *headers,
    ]
    client.send(b"\r\n".join([*lines, b"", BODY]))
    return client.answer()


def identity(answer: Answer) -> str:
    """The request id of an answer."""
    (found,) = [line.partition(": ")[2] for line in answer.head.splitlines() if line.startswith("x-request-id")]
    return found


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"x-request-id: a\r\n forged", 200),  # folded into one line, as HTTP once allowed
        (b"x-request-id: a\nforged", 400),
        (b"x-request-id: " + b"forged" * 1700, 200),
        (b"x-request-id: forged\xc3\xa9", 200),
        (b'x-request-id: forged"}', 200),
        (b"x-request-id: a\0forged", 400),
    ],
)
def test_id_that_is_not_short_and_plain_is_never_logged(header: bytes, status: int, log: StringIO) -> None:
    """A new one takes its place in the answer and the log."""
    with served(application(FakeEngine())) as url:
        answer = call(url, header)
    assert answer.status == status
    assert len(identity(answer)) == 32
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["status"] for line in lines if line.get("request_id") == identity(answer)] == [status]
    assert "forged" not in log.getvalue() + answer.head


def test_defect_is_logged_under_the_id_of_its_answer(log: StringIO) -> None:
    """`find the request id in the log`, says a 500."""

    def decode(_: object, *, name: str = "") -> Recording:  # noqa: ARG001 - as the protocol says
        raise KeyError

    with served(application(FakeEngine(), decode=decode)) as url:
        answer = call(url, b"x-request-id: crm-42")
    assert (answer.status, answer.error["code"], identity(answer)) == (500, "internal_error", "crm-42")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (defect,) = [line for line in lines if "exception" in line]
    assert (defect["request_id"], defect["level"]) == ("crm-42", logging.getLevelName(logging.ERROR).lower())
    assert {line["request_id"] for line in lines if line["message"] == "answered"} == {"crm-42"}


def test_refused_connection_has_an_id() -> None:
    """Also an answer that no route and no guard has seen."""
    with served(application(FakeEngine())) as url:
        client = RawClient(url)
        client.send(b"no HTTP at all\r\n\r\n")
        answer = client.answer()
    assert answer.status == 400
    assert len(identity(answer)) == 32
