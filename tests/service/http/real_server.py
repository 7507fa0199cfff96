"""The application on a real server with its own connections, and clients that speak to it byte by byte."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette

from service.http.server import server_config
from service.settings import Settings
from tests.service.http.fakes import SETTINGS

HEAD = b'--x\r\nContent-Disposition: form-data; name="audio_file"; filename="a.wav"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"


@contextmanager
def served(app: Starlette, settings: Settings = SETTINGS) -> Iterator[str]:
    """The URL of a real server of the application: a cut connection shows on a socket only."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(server_config(app, settings=settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@dataclass(frozen=True)
class Answer:
    """A response as it came over a socket, to the end of the connection."""

    status: int
    head: str
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The error in it."""
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


class RawClient:
    """A client that sends the bytes that it is told to, and no more."""

    def __init__(self, url: str, *, source: str = "127.0.0.1") -> None:
        port = int(url.rpartition(":")[2])
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))

    def send(self, content: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(content)

    def post(self, *headers: str, path: str = "/transcribe", method: str = "POST") -> None:
        """Send the head of a request with a form."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: multipart/form-data; boundary=x", *headers]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def answer(self, *, pause_seconds: float = 0.0, piece_bytes: int = 65_536) -> Answer:
        """Read the response, until the server closes the connection; in pieces, with pauses between them."""
        content = bytearray()
        with self._socket:
            while piece := self._socket.recv(piece_bytes, socket.MSG_WAITALL if pause_seconds else 0):
                content += piece
                time.sleep(pause_seconds)
        head, _, body = bytes(content).partition(b"\r\n\r\n")
        return Answer(status=int(head.split()[1]), head=head.decode().lower(), body=body)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def chunk(content: bytes) -> bytes:
    """A chunk of a body of unknown length."""
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"
