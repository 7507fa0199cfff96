"""The container's health check, against servers that live and servers that do not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from service.__main__ import main
from service.contract import LIVE_PATH


@contextmanager
def server(status: int) -> Iterator[int]:
    """A server that says one status at the live path and 404 elsewhere; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == LIVE_PATH else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing to say."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http.server_port
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_api_that_answers_is_alive(host: str) -> None:
    """Whichever of the container's addresses it binds."""
    with server(200) as port:
        assert main(["health"], {"WHISPER_PORT": str(port), "WHISPER_HOST": host}) == 0


def test_api_that_answers_with_an_error_is_not_alive() -> None:
    """The container is replaced."""
    with server(500) as port:
        assert main(["health"], {"WHISPER_PORT": str(port)}) == 1


def test_port_without_a_server_is_not_alive() -> None:
    """A refused connection is an answer, not a crash."""
    with server(200) as port:
        pass
    assert main(["health"], {"WHISPER_PORT": str(port)}) == 1
