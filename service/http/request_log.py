"""Gives each request an id, and logs its outcome."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import telemetry
from service.contract import LIVE_PATH, METRICS_PATH, READY_PATH

ID_HEADER = "x-request-id"
# Requested every few seconds: only their failures are worth a line.
QUIET_PATHS = {LIVE_PATH, READY_PATH, METRICS_PATH}


class RequestLog:
    """Gives each request an id, in the response and in every log line, and logs its status and its duration.

    A caller may choose the id, so that its own log and the service's have the same one.
    """

    def __init__(self, app: ASGIApp, *, observe: Callable[[Scope, int], None] = lambda *_: None) -> None:
        self.app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        identity = request_id_of(scope)
        token = telemetry.request_id.set(identity)
        # Requests that are pipelined on one connection may share a context.
        telemetry.caller.set(telemetry.NOBODY)
        started = time.monotonic()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[ID_HEADER] = identity
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if status >= 400 or scope["path"] not in QUIET_PATHS:
                telemetry.log(
                    "answered", method=scope["method"], status=status, seconds=round(time.monotonic() - started, 3)
                )
            self._observe(scope, status)
            telemetry.request_id.reset(token)
        return None


def request_id_of(scope: Scope) -> str:
    """The id that the caller chose, if it is short and plain; otherwise a new one."""
    chosen = Headers(scope=scope).get(ID_HEADER, "")
    return chosen if re.fullmatch(r"[\w.-]{1,64}", chosen, re.ASCII) else uuid4().hex
