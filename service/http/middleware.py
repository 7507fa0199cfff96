"""What happens around every request: its id and its log line, and the question for a key."""

import hmac
import time
from collections.abc import Sequence
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import telemetry
from service.contract import LIVE_PATH, READY_PATH
from service.errors import InvalidApiKey
from service.http.responses import service_error_response


class RequestLog:
    """Gives each request an id, in the answer and in every log line, and logs how it ended."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        identity = uuid4().hex
        token = telemetry.request_id.set(identity)
        started = time.monotonic()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = identity
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            # Health checks come every few seconds and tell nothing while they succeed.
            if status >= 400 or scope["path"] not in {LIVE_PATH, READY_PATH}:
                telemetry.log(
                    "answered", method=scope["method"], status=status, seconds=round(time.monotonic() - started, 3)
                )
            telemetry.request_id.reset(token)
        return None


class KeyCheck:
    """Turns away who has none of the keys, before a byte of the body is read; where there are none, nobody.

    Health is open: load balancers have no key.
    """

    def __init__(self, app: ASGIApp, *, keys: Sequence[str]) -> None:
        self.app = app
        self._keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer 401."""
        if not self._keys or scope["type"] != "http" or scope["path"] in {LIVE_PATH, READY_PATH}:
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        shown = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        # Compared with every key, each to its end: how long it takes tells nothing.
        if sum(hmac.compare_digest(shown.encode(), key) for key in self._keys):
            return await self.app(scope, receive, send)
        refusal = service_error_response(InvalidApiKey(), headers={"www-authenticate": "Bearer"})
        return await refusal(scope, receive, send)
