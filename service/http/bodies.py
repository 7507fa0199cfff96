"""Limits on the bodies of requests: size, rate, time, and the disk that all of them share."""

import asyncio
import math
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Busy, UnsupportedEncoding, UploadTooLarge, UploadTooSlow
from service.http.admission import Queue
from service.settings import Settings

# Before the lowest rate is asked for: a network may stall for a moment.
GRACE_SECONDS = 10.0
# How long a connection outlives a response that came before the end of the body.
LINGER_SECONDS = 5.0


class Spool:
    """The disk space of the uploads under way: as much as a full service's uploads of the largest size take."""

    def __init__(self, settings: Settings) -> None:
        self._limit = (settings.max_running + settings.max_waiting) * settings.max_upload_bytes
        self.used = 0

    def fits(self, further: int) -> bool:
        """Whether there is space for so many bytes more."""
        return self.used + further <= self._limit


class BodyLimits:
    """Watches the body of each request as it is read.

    Its errors are raised from the `receive` that the application calls, so that they end the call and are answered as any
    other. A body that is refused by its headers is never kept. A response that is sent before the end of a body closes
    the connection, because the client may never send the rest. It does so a little later: clients read the response only
    once they have sent all, and would find the connection broken instead.
    """

    def __init__(self, app: ASGIApp, *, queue: Queue, settings: Settings) -> None:
        self.app = app
        self._queue = queue
        self._settings = settings
        self._spool = Spool(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            return await self.app(scope, receive, send)
        body = _Body(
            receive, headers=Headers(scope=scope), settings=self._settings, spool=self._spool, queue=self._queue
        )

        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start" and not body.ended:
                MutableHeaders(scope=message)["connection"] = "close"
            if message["type"] == "http.response.body" and not message.get("more_body", False) and not body.ended:
                await send({**message, "more_body": True})
                await body.discard()
                message = {"type": "http.response.body"}
            await send(message)

        try:
            return await self.app(scope, body.receive, send_and_close)
        finally:
            body.release()


class _Body:
    """One request's body."""

    def __init__(self, receive: Receive, *, headers: Headers, settings: Settings, spool: Spool, queue: Queue) -> None:
        self.ended = self._stalled = False
        self._receive = receive
        self._headers = headers
        self._settings = settings
        self._spool = spool
        self._queue = queue
        self._reserved = 0
        self._received = 0
        self._began = 0.0

    async def receive(self) -> Message:
        """The next message.

        Raises:
            UnsupportedEncoding: the body is compressed.
            UploadTooLarge: it has more bytes than the service accepts.
            UploadTooSlow: it does not arrive in time.
            Busy: the disk has no room for it beside other uploads.
        """
        if self.ended:
            return await self._receive()
        if not self._began:
            self._began = time.monotonic()
            self._check_headers()
        try:
            async with asyncio.timeout(self._began + self._allowed - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            self._stalled = True
            raise UploadTooSlow(
                received=self._received,
                seconds=round(time.monotonic() - self._began),
                rate=self._settings.upload_bytes_per_second,
                limit=self._settings.upload_seconds,
            ) from None
        self._received += len(message.get("body", b""))
        if self._received > self._settings.max_upload_bytes:
            limit = self._settings.max_upload_bytes
            raise UploadTooLarge(size=f"more than {limit} bytes", limit=limit)
        self._reserve(self._received)
        self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def discard(self) -> None:
        """Throw away the rest, for a few seconds at most."""
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.ended and not self._stalled:
                    message = await self._receive()
                    self.ended = message["type"] != "http.request" or not message.get("more_body", False)
        except TimeoutError:
            pass

    def release(self) -> None:
        """Give back the disk space."""
        self._spool.used -= self._reserved
        self._reserved = 0

    @property
    def _allowed(self) -> float:
        """How long the body may have taken to come as far as this."""
        at_lowest_rate = GRACE_SECONDS + self._received / self._settings.upload_bytes_per_second
        return min(self._settings.upload_seconds, at_lowest_rate)

    def _check_headers(self) -> None:
        if (encoding := self._headers.get("content-encoding", "identity")) != "identity":
            raise UnsupportedEncoding(encoding=encoding)
        if (length := self._headers.get("content-length", "")).isdigit():
            if int(length) > self._settings.max_upload_bytes:
                raise UploadTooLarge(size=f"{length} bytes", limit=self._settings.max_upload_bytes)
            self._reserve(int(length))

    def _reserve(self, size: int) -> None:
        further = max(0, size - self._reserved)
        if not self._spool.fits(further):
            raise Busy(retry_after_seconds=max(1, math.ceil(self._queue.wait())))
        self._spool.used += further
        self._reserved += further
