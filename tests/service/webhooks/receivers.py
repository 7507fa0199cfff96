"""Servers on the loopback interface that receive webhooks over TLS, each with its own manners, and a sender that may reach them."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from service.webhooks.addresses import Address
from service.webhooks.sender import Sender

HOST = "hooks.example.com"
LOOPBACK = ip_address("127.0.0.1")
ACCEPTED = b"HTTP/1.1 204 No Content\r\n\r\n"

# Takes the bytes of a request, and answers on its connection.
Manners = Callable[[socket.socket, bytes], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that is its own authority, and its key, each in a file."""

    certificate: Path
    key: Path

    @property
    def server(self) -> ssl.SSLContext:
        """A server's context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    @property
    def trust(self) -> ssl.SSLContext:
        """A client's context that trusts this certificate and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))


def make_certificate(folder: Path, *, name: str = HOST) -> Certificate:
    """A new certificate for a host."""
    made = Certificate(certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    openssl = shutil.which("openssl")
    assert openssl, "the tests of webhooks make certificates with the program openssl"
    kind = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    named = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}")
    files = ("-keyout", str(made.key), "-out", str(made.certificate))
    subprocess.run([openssl, *kind, *named, *files], check=True, capture_output=True)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A running server.

    Attributes:
        requests: in the order in which they came.
        connections: how many were accepted, whether or not a request came.
    """

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """That a caller gives for its webhook."""
        return f"https://{HOST}:{self.port}/hook?for=jobs"

    def headers(self, number: int = -1) -> dict[str, str]:
        """The headers of a request."""
        _, *lines = self.requests[number].partition(b"\r\n\r\n")[0].decode().split("\r\n")
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def body(self, number: int = -1) -> bytes:
        """The body of a request."""
        return self.requests[number].partition(b"\r\n\r\n")[2]


def answering(*answers: bytes) -> Manners:
    """Send one answer after the other, the last one again and again."""
    left = list(answers)

    def answer(wire: socket.socket, _: bytes) -> None:
        wire.sendall(left.pop(0) if len(left) > 1 else left[0])

    return answer


@contextmanager
def receiving(
    certificate: Certificate, manners: Manners | None = None, *, address: str = "127.0.0.1", port: int = 0
) -> Iterator[Receiver]:
    """A server until the end of the block; it accepts every request unless it has other manners."""
    answer = manners or answering(ACCEPTED)
    context = certificate.server
    with socket.create_server((address, port)) as listener:
        receiver = Receiver(port=listener.getsockname()[1])

        def serve(plain: socket.socket) -> None:
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as wire:
                wire.settimeout(10)
                request = _request(wire)
                receiver.requests.append(request)
                answer(wire, request)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    plain, (peer, _) = listener.accept()
                    receiver.connections.append(peer)
                    threading.Thread(target=serve, args=(plain,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield receiver
        finally:
            # A thread that waits in `accept` would keep the port open.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _request(wire: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        content += wire.recv(4096)
    head, _, body = content.partition(b"\r\n\r\n")
    (length,) = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < length:
        body += wire.recv(4096)
    return head + b"\r\n\r\n" + body


def local_sender(certificate: Certificate, *, address: Address = LOOPBACK, seconds: float = 5.0) -> Sender:
    """A sender for which every name is a server on this machine, whose port is any."""
    return Sender(
        find=lambda _, __: (address,),
        admits=lambda found: found.is_loopback,
        ports=range(65_536),
        context=certificate.trust,
        seconds=seconds,
    )
