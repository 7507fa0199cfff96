"""Connections: how many an address may have, how long a head or a reader may take, and the answer to bytes that are no HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from service.errors import ServiceError, TooManyRequests
from service.http.request_log import ID_HEADER
from service.http.responses import http_error_response, service_error_response
from service.telemetry import log

# From the first byte of a head to its last; a client that sends a byte now and then would hold a connection for ever.
HEAD_SECONDS = 20.0
# Without a byte of its answer read, a client counts as gone; its request would otherwise be under way for ever.
UNREAD_SECONDS = 60.0


class Connection(H11Protocol):
    """A connection of uvicorn's, with limits.

    Args:
        most: connections of one address at once; 0 for any number, because a load balancer's address is no caller's.
        config: uvicorn's, as are the further arguments.
    """

    def __init__(self, *, most: int, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._most = most
        self._late_head: asyncio.TimerHandle | None = None
        self._late_reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or refuse it if its address has too many."""
        super().connection_made(transport)
        own = sum(isinstance(other, Connection) and other.address == self.address for other in self.connections)
        if self._most and own > self._most:
            self._refuse(TooManyRequests(limit=self._most))
            return
        # One that sends nothing ends as an idle one does.
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """Read bytes of a request; until its head is complete, its time is limited."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._late_head is None:
            self._late_head = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def pause_writing(self) -> None:
        """Hold back the rest of an answer until its client has read more of it."""
        super().pause_writing()
        self._await_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Go on with an answer."""
        self._stop_awaiting_reader()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._stop_waiting()
        self._stop_awaiting_reader()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP, or a head beyond the limit, in the service's own envelope."""
        self._answer(http_error_response(400, msg))

    @property
    def address(self) -> str:
        """The address at the other end."""
        return self.client[0] if self.client else ""

    def _refuse(self, error: ServiceError) -> None:
        self._answer(service_error_response(error))

    def _answer(self, response: Any) -> None:
        # No request reaches the log, whose id such an answer has otherwise.
        identity = uuid4().hex
        log("answered", request_id=identity, status=response.status_code)
        headers = [*response.raw_headers, (ID_HEADER.encode(), identity.encode()), (b"connection", b"close")]
        for event in (
            h11.Response(
                status_code=response.status_code, headers=headers, reason=STATUS_PHRASES[response.status_code]
            ),
            h11.Data(data=response.body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _await_reader(self, unread: int) -> None:
        self._late_reader = self.loop.call_later(UNREAD_SECONDS, self._check_reader, unread)

    def _check_reader(self, before: int) -> None:
        """End the connection of a client that has read nothing meanwhile."""
        if (unread := self.transport.get_write_buffer_size()) < before:
            self._await_reader(unread)
        else:
            log("answer not read", bytes=unread)
            self.transport.abort()

    def _stop_awaiting_reader(self) -> None:
        if self._late_reader is not None:
            self._late_reader.cancel()
            self._late_reader = None

    def _stop_waiting(self) -> None:
        if self._late_head is not None:
            self._late_head.cancel()
            self._late_head = None
