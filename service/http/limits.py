"""Limits around every request: the size of its head, how many are under way, and how many a minute."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.contract import LIVE_PATH, READY_PATH
from service.errors import BadHead, Busy, RateExceeded, ServiceError, TooManyRequests
from service.http.admission import Queue
from service.http.responses import service_error_response
from service.settings import Settings
from service.telemetry import caller

MAX_HEAD_BYTES = 16_384
# Callers whose rates are remembered; beyond, those are forgotten that have sent nothing for a minute.
MAX_RATES = 10_000


class Traffic:
    """The requests that are under way, by address."""

    def __init__(self) -> None:
        self._by_address: Counter[str] = Counter()
        self._idle = asyncio.Event()

    @property
    def total(self) -> int:
        """How many are under way."""
        return self._by_address.total()

    def of(self, address: str) -> int:
        """How many one address has under way."""
        return self._by_address[address]

    async def end(self) -> None:
        """Wait until none is under way."""
        if self.total:
            self._idle.clear()
            await self._idle.wait()

    @contextmanager
    def passing(self, address: str) -> Iterator[None]:
        """Count a request during the block."""
        self._by_address[address] += 1
        try:
            yield
        finally:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]
            if not self._by_address:
                self._idle.set()


class Rates:
    """How many requests each caller may still send, by a bucket that fills at the caller's rate."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str, *, per_minute: int) -> None:
        """Count a request; raise `RateExceeded` if the caller has sent more than that many in the last minute."""
        now = time.monotonic()
        left, before = self._buckets.get(name, (float(per_minute), now))
        left = min(per_minute, left + (now - before) * per_minute / 60)
        if left < 1:
            raise RateExceeded(limit=per_minute, retry_after_seconds=math.ceil((1 - left) * 60 / per_minute))
        if len(self._buckets) >= MAX_RATES:
            self._buckets = {who: (n, at) for who, (n, at) in self._buckets.items() if now - at < 60}
        self._buckets[name] = left - 1, now


class RequestLimits:
    """Refuses requests with a huge head, and those of an address or a service that has too many under way.

    Health checks are never refused.
    """

    def __init__(self, app: ASGIApp, *, traffic: Traffic, queue: Queue, settings: Settings) -> None:
        self.app = app
        self._traffic = traffic
        self._queue = queue
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http" or scope["path"] in {LIVE_PATH, READY_PATH}:
            return await self.app(scope, receive, send)
        address = address_of(scope, proxies=self._settings.proxies)
        if refusal := self._refusal(scope, address):
            return await service_error_response(refusal)(scope, receive, send)
        with self._traffic.passing(address):
            return await self.app(scope, receive, send)

    def _refusal(self, scope: Scope, address: str) -> ServiceError | None:
        if (size := head_bytes(scope)) > MAX_HEAD_BYTES:
            return BadHead(size=size, limit=MAX_HEAD_BYTES)
        if self._traffic.of(address) >= (limit := self._settings.max_client_requests):
            return TooManyRequests(limit=limit)
        if self._traffic.total >= self._settings.max_requests:
            return Busy(retry_after_seconds=max(1, math.ceil(self._queue.wait())))
        return None


class RateLimit:
    """Refuses requests of a caller that sends more a minute than its key allows or, without keys, than an address may."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self.app = app
        self._rates = Rates()
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or respond with 429."""
        if scope["type"] != "http" or scope["path"] in {LIVE_PATH, READY_PATH}:
            return await self.app(scope, receive, send)
        who, limit = caller.get(), self._settings.requests_per_minute
        client = client_of(scope, proxies=self._settings.proxies)
        if who.requests_per_minute is not None:
            limit = who.requests_per_minute
        try:
            if limit:
                self._rates.take(client, per_minute=limit)
        except RateExceeded as refusal:
            return await service_error_response(refusal)(scope, receive, send)
        return await self.app(scope, receive, send)


def client_of(scope: Scope, *, proxies: int) -> str:
    """Who sent a request: the caller by its key or, without keys, the address behind so many proxies."""
    return caller.get().name or address_of(scope, proxies=proxies)


def address_of(scope: Scope, *, proxies: int) -> str:
    """The caller's address: of the connection or, behind so many proxies, the one that the first of them saw.

    Each proxy adds the address that it sees at the end of `X-Forwarded-For`; anything that the caller wrote there comes before.
    """
    forwarded = [part.strip() for part in ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")]
    if proxies and len(forwarded) >= proxies and forwarded[-proxies]:
        return forwarded[-proxies]
    client = scope.get("client")
    return str(client[0]) if client else ""


def head_bytes(scope: Scope) -> int:
    """About how many bytes the head of a request has."""
    target = len(scope.get("raw_path") or scope["path"]) + len(scope.get("query_string", b""))
    return target + sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
