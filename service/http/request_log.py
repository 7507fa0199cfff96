"""Gives each request an id and a span, and logs its outcome."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import telemetry, tracing
from service.contract import LIVE_PATH, METRICS_PATH, READY_PATH
from service.http.responses import error_body

ID_HEADER = "x-request-id"
# Requested every few seconds: only their failures are worth a line, and none a trace.
QUIET_PATHS = {LIVE_PATH, READY_PATH, METRICS_PATH}
# Any other method is a text that a caller chose.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class RequestLog:
    """Gives each request an id, in the response and in every log line, and logs its status and its duration.

    A caller may choose the id, so that its own log and the service's have the same one. A defect is answered here, since
    Starlette's own answer to it would have no id.
    """

    def __init__(self, app: ASGIApp, *, observe: Callable[[Scope, int], None] = lambda *_: None) -> None:
        self.app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        identity = request_id_of(scope)
        # Both stay set: the server logs a defect after this. Requests on one connection may share a context.
        telemetry.request_id.set(identity)
        telemetry.caller.set(telemetry.NOBODY)
        started = time.monotonic()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[ID_HEADER] = identity
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        with _span(scope, method) as span:
            try:
                await self.app(scope, receive, send_with_id)
            except Exception as error:
                if not status:
                    await JSONResponse(error_body(error), status_code=500)(scope, receive, send_with_id)
                raise
            finally:
                status = status or 500
                if span:
                    route = route_of(scope)
                    span.rename(f"{method} {route}")
                    span.note(http__request__method=method, http__route=route, http__response__status_code=status)
                if status >= 400 or scope["path"] not in QUIET_PATHS:
                    seconds = round(time.monotonic() - started, 3)
                    telemetry.log("answered", method=scope["method"], status=status, seconds=seconds)
                self._observe(scope, status)
        return None


def request_id_of(scope: Scope) -> str:
    """The id that the caller chose, if it is short and plain; otherwise a new one."""
    chosen = Headers(scope=scope).get(ID_HEADER, "")
    return chosen if telemetry.is_request_id(chosen) else uuid4().hex


def route_of(scope: Scope) -> str:
    """The path of the route that served a request, with the names of its parameters: callers choose paths."""
    return str(scope["route"].path) if "route" in scope else "none"


def _span(scope: Scope, method: str) -> AbstractContextManager[tracing.Span | None]:
    """The request's span, in the trace of a caller that sends a `traceparent`."""
    if scope["path"] in QUIET_PATHS:
        return nullcontext()
    return tracing.span(method, kind="server", parent=Headers(scope=scope).get("traceparent", ""))
