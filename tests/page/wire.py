"""A wire between the browser and a server, which a test cuts in the middle of an upload."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PIECE = 65_536


@dataclass
class Wire:
    """Passes on bytes in both directions, until it is cut."""

    listener: socket.socket
    upstream: tuple[str, int]
    whole: bool = True
    _ends: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the browser finds the server."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        """Accept connections, until the listener is closed."""
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            far = socket.create_connection(self.upstream)
            self._ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def cut(self) -> None:
        """Break every connection, and refuse others until it is mended."""
        self.whole = False
        while self._ends:
            with suppress(OSError):
                self._ends.pop().shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Pass bytes on again."""
        self.whole = True

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(PIECE):
                other.sendall(piece)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(url: str) -> Iterator[Wire]:
    """A wire to a server."""
    parts = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Wire(listener=listener, upstream=(parts.hostname or "", parts.port or 80))
        thread = threading.Thread(target=made.run)
        thread.start()
        try:
            yield made
        finally:
            made.cut()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
