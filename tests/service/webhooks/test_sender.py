"""Attempts at webhooks, on real servers: what a receiver, its name or its network may do wrong."""

import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest

from service.webhooks.addresses import Address
from service.webhooks.sender import Attempt, Sender, resolve
from tests.service.webhooks.receivers import (
    HOST,
    LOOPBACK,
    Certificate,
    Manners,
    answering,
    local_sender,
    make_certificate,
    receiving,
)

BODY = b'{"type": "job.done"}'
HEADERS = {"webhook-id": "msg_1"}


def attempt(sender: Sender, url: str) -> Attempt:
    """One attempt."""
    return sender.send(url, body=BODY, headers=HEADERS)


def test_request_is_delivered(certificate: Certificate) -> None:
    """Path, query, host, headers and body are as they should be; nothing else of the service is in it."""
    with receiving(certificate) as receiver:
        assert attempt(local_sender(certificate), receiver.url) == Attempt()
    assert receiver.requests[0].startswith(b"POST /hook?for=jobs HTTP/1.1\r\n")
    assert receiver.body() == BODY
    headers = receiver.headers()
    assert headers.pop("user-agent").startswith("whisper-fargate/")
    assert headers == {
        "host": f"{HOST}:{receiver.port}",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "connection": "close",
        "webhook-id": "msg_1",
    }


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", Attempt()),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", Attempt()),
        (b"HTTP/1.1 500 Oops\r\n\r\n", Attempt(error="http_500")),
        (b"HTTP/1.1 410 Gone\r\n\r\n", Attempt(error="http_410", final=True)),
        (b"HTTP/1.1 429 Later\r\nretry-after: 90\r\n\r\n", Attempt(error="http_429", pause=90)),
        (b"HTTP/1.1 503 Later\r\nretry-after: 999999\r\n\r\n", Attempt(error="http_503", pause=14_400)),
        (b"HTTP/1.1 503 Later\r\nretry-after: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n", Attempt(error="http_503")),
        (b"220 mail.example.com ESMTP\r\n", Attempt(error="bad_answer")),
        (b"", Attempt(error="bad_answer")),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 100_000, Attempt(error="bad_answer")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, Attempt(error="bad_answer")),
    ],
    ids=[
        "200",
        "100-202",
        "500",
        "410",
        "429",
        "long-wait",
        "date",
        "no-http",
        "nothing",
        "endless-head",
        "endless-100",
    ],
)
def test_answer_decides(certificate: Certificate, answer: bytes, expected: Attempt) -> None:
    """2xx is success; 410 ends the attempts; a receiver may ask for time; what is no answer is a failure."""
    with receiving(certificate, answering(answer)) as receiver:
        assert attempt(local_sender(certificate), receiver.url) == expected


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(certificate: Certificate, status: int) -> None:
    """It could lead to an address that was never checked."""
    with receiving(certificate) as other:
        answer = f"HTTP/1.1 {status} Moved\r\nlocation: {other.url}\r\n\r\n".encode()
        with receiving(certificate, answering(answer)) as receiver:
            assert attempt(local_sender(certificate), receiver.url).error == f"http_{status}"
    assert not other.connections


def dripping(wire: socket.socket, _: bytes) -> None:
    """A byte now and then."""
    with suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100:
            wire.sendall(bytes([byte]))
            time.sleep(0.1)


def silent(wire: socket.socket, _: bytes) -> None:
    """No answer until the sender has gone."""
    with suppress(OSError):
        wire.recv(1)


def endless(wire: socket.socket, _: bytes) -> None:
    """A body without end, as fast as it goes."""
    wire.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    with suppress(OSError):
        while True:
            wire.sendall(b"ffff\r\n" + bytes(0xFFFF) + b"\r\n")


@pytest.mark.parametrize("manners", [dripping, silent])
def test_slow_answer_ends_with_the_time_of_the_attempt(certificate: Certificate, manners: Manners) -> None:
    """However often a byte comes."""
    began = time.monotonic()
    with receiving(certificate, manners) as receiver:
        assert attempt(local_sender(certificate, seconds=0.5), receiver.url) == Attempt(error="too_slow")
    assert time.monotonic() - began < 2


def test_endless_answer_is_not_read(certificate: Certificate) -> None:
    """The head is enough; the connection is closed after it."""
    began = time.monotonic()
    with receiving(certificate, endless) as receiver:
        assert attempt(local_sender(certificate), receiver.url) == Attempt()
    assert time.monotonic() - began < 2


def test_handshake_that_does_not_come_ends_with_the_time_of_the_attempt(certificate: Certificate) -> None:
    """A server that accepts and says nothing."""
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://{HOST}:{listener.getsockname()[1]}/"
        assert attempt(local_sender(certificate, seconds=0.5), url) == Attempt(error="too_slow")
    assert time.monotonic() - began < 2


def test_certificate_of_another_host_is_refused(certificate: Certificate, tmp_path: Path) -> None:
    """Nothing is sent to a server that cannot prove its name, although it is at the address."""
    other = make_certificate(tmp_path, name="other.example.com")
    with receiving(other) as receiver:
        # Of a trusted authority, but for another name; and for the right name, but of no trusted authority.
        assert attempt(local_sender(other), receiver.url).error == "wrong_certificate"
    with receiving(make_certificate(tmp_path)) as receiver:
        assert attempt(local_sender(certificate), receiver.url).error == "wrong_certificate"
    assert not receiver.requests


def test_server_without_tls_is_a_failure(certificate: Certificate) -> None:
    """There is no way back to plain HTTP; nor to a port that is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://{HOST}:{listener.getsockname()[1]}/"

        def answer() -> None:
            wire, _ = listener.accept()
            with wire:
                wire.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                wire.recv(4096)

        server = threading.Thread(target=answer)
        server.start()
        assert attempt(local_sender(certificate), url) == Attempt(error="connection_broken")
        server.join()
    assert attempt(local_sender(certificate), url) == Attempt(error="not_connected")


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["169.254.170.2"],
        ["93.184.216.34", "10.0.0.1"],
        ["127.0.0.1", "93.184.216.34"],
        ["2606:4700:4700::1111", "::ffff:127.0.0.1"],
        ["64:ff9b::a9fe:aa02"],
    ],
)
def test_host_with_any_address_that_is_not_public_is_refused(addresses: Sequence[str]) -> None:
    """By the rule of production: all of its addresses are checked, and to none is there a connection."""
    sender = Sender(find=lambda _, __: [ip_address(text) for text in addresses], seconds=0.5)
    assert attempt(sender, f"https://{HOST}/") == Attempt(error="address_refused")


def test_name_is_resolved_once_and_its_checked_address_is_used(certificate: Certificate) -> None:
    """A name server that answers differently the second time (DNS rebinding) is not asked again."""
    asked: list[str] = []

    def find(host: str, _: int) -> Sequence[Address]:
        asked.append(host)
        return [ip_address(f"127.0.0.{1 + len(asked)}")]

    with (
        receiving(certificate, address="127.0.0.2") as checked,
        receiving(certificate, address="127.0.0.3", port=checked.port) as other,
    ):
        sender = Sender(
            find=find, admits=lambda found: found.is_loopback, ports=range(65_536), context=certificate.trust
        )
        assert attempt(sender, checked.url) == Attempt()
    assert asked == [HOST]
    assert (len(checked.requests), other.connections) == (1, [])


def test_next_address_is_tried_if_one_does_not_answer(certificate: Certificate) -> None:
    """As browsers do."""
    with receiving(certificate) as receiver:
        sender = Sender(
            find=lambda _, __: (ip_address("127.0.0.9"), LOOPBACK),
            admits=lambda found: found.is_loopback,
            ports=range(65_536),
            context=certificate.trust,
        )
        assert attempt(sender, receiver.url) == Attempt()


def test_name_that_does_not_exist_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may exist at the next attempt. A URL that breaks a rule never works, and nothing is resolved for it."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert attempt(Sender(), f"https://{HOST}/") == Attempt(error="name_not_found")
    assert attempt(Sender(), "https://127.0.0.1/") == Attempt(error="url_refused", final=True)


def test_own_resolver_and_rule_refuse_this_machine() -> None:
    """Both as in production: the name of the loopback interface is no way to it."""
    sender = Sender(find=lambda _, port: resolve("localhost", port))
    assert attempt(sender, f"https://{HOST}/") == Attempt(error="address_refused")
