"""The way of every call over HTTP, whatever its route: its form, its transcript, and its measurements."""

from contextlib import AbstractAsyncContextManager

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from service.contract import Outcome
from service.engine.engine import Cancelled
from service.http.calls import Call, Calls
from service.http.limits import client_of
from service.transcript import Transcript


async def transcript_of(request: Request, reading: AbstractAsyncContextManager[Call]) -> Transcript | None:
    """The transcript of the call in a request, which `reading` reads; None if the caller has gone."""
    calls: Calls = request.app.state.calls
    with calls.meter.call() as measures:
        try:
            identity = identity_of(request, proxies=calls.proxies)
            calls.check_room(identity)
            async with reading as call:
                calls.engine.check_language(call.language)
                calls.engine.check_guidance(call.guidance)
                transcript = await calls.run(call, measures, identity=identity, abandoned=request.is_disconnected)
        except (Cancelled, ClientDisconnect):
            measures.outcome = Outcome.CANCELLED
            return None
        measures.outcome = transcript.outcome
    return transcript


def identity_of(request: Request, *, proxies: int) -> str:
    """The identity of a call that may come again: its client, and the size of its body, in which recordings differ."""
    return f"{client_of(request.scope, proxies=proxies)} {request.headers.get('content-length', '')}"


def gone() -> Response:
    """The response that the log shows if the caller has gone."""
    return Response(status_code=499)
