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
    """Passes on bytes in both directions, as long as it is whole."""

    listener: socket.socket
    upstream: tuple[str, int]
    whole: bool = True
    _ends: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the browser finds the server."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        """Accept connections, until the listener is shut down."""
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
                self._threads.append(thread := threading.Thread(target=self._pass, args=(one, other)))
                thread.start()

    def cut(self) -> None:
        """Break every connection, and refuse others until it is mended."""
        self.whole = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Pass bytes on again."""
        self.whole = True

    def close(self) -> None:
        """Give everything back."""
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

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
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            made.close()
