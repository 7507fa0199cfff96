"""The container's health check, against servers that respond, fail or are absent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from service.__main__ import main
from service.contract import LIVE_PATH


@contextmanager
def server(status: int) -> Iterator[int]:
    """The port of a server that responds with a status at the live path and with 404 elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == LIVE_PATH else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print no log."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http.server_port
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_api_that_responds_is_alive(host: str) -> None:
    """Whether it binds one address of the container or all."""
    with server(200) as port:
        assert main(["health"], {"WHISPER_PORT": str(port), "WHISPER_HOST": host}) == 0


def test_api_that_responds_with_an_error_is_not_alive() -> None:
    """ECS replaces the container."""
    with server(500) as port:
        assert main(["health"], {"WHISPER_PORT": str(port)}) == 1


def test_port_without_a_server_is_not_alive() -> None:
    """A refused connection is a result, not a crash."""
    with server(200) as port:
        pass
    assert main(["health"], {"WHISPER_PORT": str(port)}) == 1
