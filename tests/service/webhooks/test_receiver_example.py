"""The receiver that docs/webhooks.md shows verifies the service's requests, and refuses all others."""

import base64
import runpy
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import HTTPServer
from pathlib import Path

import pytest

from service.webhooks.book import Webhook
from service.webhooks.courier import content
from service.webhooks.sender import Attempt, Sender
from service.webhooks.signature import read_secrets, signed_headers
from tests.docs.blocks import ROOT, blocks_of
from tests.service.webhooks.receivers import HOST, LOOPBACK, Certificate

OLD, NEW = (f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (1, 2))
BODY = content(
    "0" * 40, Webhook(id="msg_1", url=f"https://{HOST}/", asked="", news="done", since="2026-01-31T12:00:00+00:00")
)


@dataclass(frozen=True, kw_only=True)
class Example:
    """The page's receiver, running."""

    port: int
    printed: list[str]

    def post(self, body: bytes, headers: Mapping[str, str]) -> int:
        """Send it a request; the status of its answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", "/", body, dict(headers))
        return connection.getresponse().status


@contextmanager
def example(folder: Path, monkeypatch: pytest.MonkeyPatch, certificate: Certificate | None = None) -> Iterator[Example]:
    """Run the receiver, with TLS before it if it gets a certificate."""
    (block,) = [block for block in blocks_of(ROOT / "docs" / "webhooks.md") if block.language == "python"]
    program = folder / "receiver.py"
    program.write_text(block.text)
    monkeypatch.setenv("WEBHOOK_SECRET", NEW)
    names = runpy.run_path(str(program))
    handler = names["Receiver"]
    handler.log_message = lambda *_: None
    printed: list[str] = []
    # The handler's own globals, in which it would find the built-in function.
    handler.do_POST.__globals__["print"] = lambda *words, **_: printed.append(" ".join(words))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        if certificate:
            server.socket = certificate.server.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Example(port=server.server_port, printed=printed)
        finally:
            server.shutdown()
            thread.join()


def signed(secret: str, *, age: float = 0.0, identity: str = "msg_1_done") -> Mapping[str, str]:
    """The headers of the service's request."""
    timestamp = int(time.time() - age)
    return signed_headers(read_secrets(secret), identity=identity, timestamp=timestamp, body=BODY)


def test_receiver_of_the_page_accepts_what_the_service_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: Certificate
) -> None:
    """Over TLS, from the sender of production; also while the secret changes. The same news is news once."""
    with example(tmp_path, monkeypatch, certificate) as receiver:
        sender = Sender(
            find=lambda _, __: (LOOPBACK,),
            admits=lambda found: found.is_loopback,
            ports=range(65_536),
            context=certificate.trust,
        )
        for secret in (NEW, f"{NEW},{OLD}"):
            assert sender.send(f"https://{HOST}:{receiver.port}/", body=BODY, headers=signed(secret)) == Attempt()
    assert receiver.printed == [f"{'0' * 40} done"]


def test_receiver_of_the_page_refuses_everything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another secret, another body, an old request, and headers that are missing or odd."""
    with example(tmp_path, monkeypatch) as receiver:
        good = signed(NEW)
        assert receiver.post(BODY, signed(OLD)) == 400
        assert receiver.post(BODY.replace(b"done", b"late"), good) == 400
        assert receiver.post(BODY, signed(NEW, age=600)) == 400
        assert receiver.post(BODY, {**good, "webhook-id": "msg_2_done"}) == 400
        assert receiver.post(BODY, {**good, "webhook-timestamp": "now"}) == 400
        for name in good:
            assert receiver.post(BODY, {key: value for key, value in good.items() if key != name}) == 400
        assert receiver.printed == []
        assert receiver.post(BODY, good) == 204
    assert receiver.printed == [f"{'0' * 40} done"]
