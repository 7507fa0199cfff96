"""One attempt at a webhook: resolve once, check every address, connect to a checked one, and read the head of the answer.

The name is resolved here and nowhere else, so that a second answer of its DNS server (rebinding) is never asked for. TLS still
names and checks the host. No redirect is followed, no proxy is used, and the body of the answer is never read.
"""

import socket
import ssl
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import h11

from service import __version__
from service.webhooks.addresses import Address, is_public
from service.webhooks.target import PORTS, Target, WrongTarget, read_target

# Of the whole attempt, the name's resolution excepted, which the system limits.
SECONDS = 15.0
MAX_HEAD_BYTES = 16_384
# A name with many addresses would otherwise take the whole time.
MAX_ADDRESSES = 3
# A receiver that asks for more time gets it, up to this.
MAX_RETRY_AFTER_SECONDS = 4 * 3600
GONE = 410

# The first one that fits counts.
CODES: Sequence[tuple[type[Exception], str]] = (
    (ssl.SSLCertVerificationError, "wrong_certificate"),
    (TimeoutError, "too_slow"),
    (h11.RemoteProtocolError, "bad_answer"),
    (OSError, "connection_broken"),
)

Resolve = Callable[[str, int], Sequence[Address]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How an attempt ended.

    Attributes:
        error: why it failed, as a stable code; empty if the receiver answered 2xx.
        final: further attempts are useless.
        pause: seconds that the receiver asks to wait for.
    """

    error: str = ""
    final: bool = False
    pause: int = 0


class Failed(Exception):
    """An attempt ended without an answer; the text is its code."""


def resolve(host: str, port: int) -> Sequence[Address]:
    """The addresses of a host, of the families that this machine has."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return tuple(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


class Sender:
    """Sends requests to hosts of the internet, and to no others.

    Args:
        find: resolves a name.
        admits: whether a request may be sent to an address.
        ports: that a URL may name.
        context: of TLS; checks certificates and names.
        seconds: limit of an attempt.
    """

    def __init__(
        self,
        *,
        find: Resolve = resolve,
        admits: Callable[[Address], bool] = is_public,
        ports: Collection[int] = PORTS,
        context: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._find, self._admits, self._ports, self._seconds = find, admits, ports, seconds
        self._context = context or ssl.create_default_context()

    def send(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """Send one POST request; never raises for anything that a receiver does."""
        try:
            target = read_target(url, ports=self._ports)
            addresses = self._addresses(target)
            return _judged(self._exchange(target, addresses, body, headers))
        except WrongTarget:
            return Attempt(error="url_refused", final=True)
        except Failed as failure:
            return Attempt(error=str(failure))
        except (h11.RemoteProtocolError, OSError) as error:
            return Attempt(error=next(code for kind, code in CODES if isinstance(error, kind)))

    def _addresses(self, target: Target) -> Sequence[Address]:
        try:
            found = self._find(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise Failed("name_not_found") from error
        if not found:
            raise Failed("name_not_found")
        # All of them: a name that has a public address and a private one, too, is no mistake to be lenient about.
        if not all(map(self._admits, found)):
            raise Failed("address_refused")
        return found[:MAX_ADDRESSES]

    def _exchange(
        self, target: Target, addresses: Sequence[Address], body: bytes, headers: Mapping[str, str]
    ) -> h11.Response:
        deadline = time.monotonic() + self._seconds
        own = {
            "host": target.authority,
            "user-agent": f"whisper-fargate/{__version__}",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
        }
        http = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        request = h11.Request(method="POST", target=target.path, headers=list({**own, **headers}.items()))
        content = http.send(request) + http.send(h11.Data(data=body)) + http.send(h11.EndOfMessage())
        with (
            _connected(addresses, target.port, deadline) as plain,
            # The handshake, too, has the time that is left.
            self._context.wrap_socket(plain, server_hostname=target.host) as wire,
        ):
            wire.settimeout(_left(deadline))
            wire.sendall(content)
            return _head(http, wire, deadline)


def _connected(addresses: Sequence[Address], port: int, deadline: float) -> socket.socket:
    """A connection to the first address that accepts one, with a timeout of the time that is left."""
    for address in addresses:
        try:
            # An address and no name: nothing is resolved again.
            connection = socket.create_connection((str(address), port), timeout=_left(deadline))
        except OSError:
            continue
        connection.settimeout(_left(deadline))
        return connection
    _left(deadline)
    raise Failed("not_connected")


def _head(http: h11.Connection, wire: ssl.SSLSocket, deadline: float) -> h11.Response:
    """The head of the answer; its body is left unread."""
    received = 0
    while True:
        event = http.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            wire.settimeout(_left(deadline))
            content = wire.recv(4096)
            received += len(content)
            # Interim answers (1xx) may come without end.
            if received > MAX_HEAD_BYTES:
                raise Failed("bad_answer")
            http.receive_data(content)
        elif not isinstance(event, h11.InformationalResponse):
            raise Failed("bad_answer")


def _left(deadline: float) -> float:
    if (left := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left


def _judged(answer: h11.Response) -> Attempt:
    status = answer.status_code
    if 200 <= status < 300:
        return Attempt()
    asked = dict(answer.headers).get(b"retry-after", b"")
    pause = min(int(asked), MAX_RETRY_AFTER_SECONDS) if asked.isdigit() and len(asked) < 10 else 0
    return Attempt(error=f"http_{status}", final=status == GONE, pause=pause)
