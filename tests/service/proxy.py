"""A proxy between a worker and the emulator, through which tests observe, alter and cut off requests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import unquote, urlsplit

# Headers of the connection, not of the request.
CONNECTION = {"connection", "content-length", "expect", "host", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of AWS, or of a test in its place; `cut` ends the connection after that many bytes of the body."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, by a name such as `ReceiveMessage` or `GET recordings/call.wav`, and later its answer."""

    name: str
    body: bytes
    answer: Answer | None = None


class Cut(Exception):
    """Raised by a hook: the connection ends here, without an answer."""


# May answer a call instead of AWS (`before`), or replace the answer of AWS (`after`); None lets it pass.
Hook = Callable[[Call], Answer | None]


@dataclass(slots=True)
class Proxy:
    """The address on which it listens, the calls that have passed, and the hooks."""

    url: str
    upstream: str
    before: Hook = lambda _: None
    after: Hook = lambda _: None
    passed: list[Call] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def handle(self, name: str, path: str, method: str, headers: dict[str, str], body: bytes) -> Answer:
        """The answer to one request; raises `Cut`."""
        call = Call(name=name, body=body)
        if answer := self.before(call):
            return answer
        call = Call(name=name, body=body, answer=self._ask(path, method, headers, body))
        with self._lock:
            self.passed.append(call)
        return self.after(call) or call.answer  # type: ignore[return-value]  # it was just given one

    def count(self, start: str, *, status: int = 200) -> int:
        """How many calls whose names begin with `start` were answered with a status."""
        return len([c for c in self.passed if c.name.startswith(start) and c.answer and c.answer.status == status])

    def _ask(self, path: str, method: str, headers: dict[str, str], body: bytes) -> Answer:
        upstream = urlsplit(self.upstream)
        connection = HTTPConnection(upstream.hostname or "", upstream.port, timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            kept = tuple((k, v) for k, v in response.getheaders() if k.lower() not in CONNECTION)
            return Answer(status=response.status, body=response.read(), headers=kept)
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in CONNECTION}
        target = self.headers.get("X-Amz-Target")
        name = (
            target.rpartition(".")[2] if target else f"{self.command} {unquote(urlsplit(self.path).path).lstrip('/')}"
        )
        try:
            answer = self.proxy.handle(name, self.path, self.command, headers, body)
            self.send_response(answer.status)
            for key, value in answer.headers:
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: answer.cut])
        except (Cut, OSError):
            self.close_connection = True
            return
        if answer.cut is not None:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keep quiet."""


@contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy in front of an address, for as long as the block lasts."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    own = Proxy(url=f"http://127.0.0.1:{server.server_port}", upstream=upstream)
    handler.proxy = own  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield own
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
