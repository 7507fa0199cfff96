"""Gives each request an id, and logs its outcome."""

import time
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import telemetry
from service.contract import LIVE_PATH, READY_PATH


class RequestLog:
    """Gives each request an id, in the response and in every log line, and logs its status and its duration."""

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
            # Health checks come every few seconds; only their failures are worth a line.
            if status >= 400 or scope["path"] not in {LIVE_PATH, READY_PATH}:
                telemetry.log(
                    "answered", method=scope["method"], status=status, seconds=round(time.monotonic() - started, 3)
                )
            telemetry.request_id.reset(token)
        return None
