"""The HTTP application: a recording in a form, its transcript in the response.

The event loop only moves bytes. Decoding and inference run on the calls' own threads.
"""

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.contract import LIVE_PATH, READY_PATH, Outcome
from service.engine.engine import Cancelled
from service.http.api_keys import ApiKeyCheck
from service.http.calls import Calls, Transcriber
from service.http.form import read_call
from service.http.late_answer import answered
from service.http.request_log import RequestLog
from service.http.responses import EXCEPTION_HANDLERS, answer
from service.recording import Decode
from service.settings import Settings
from service.telemetry import Meter


def create_app(*, engine: Transcriber, decode: Decode, meter: Meter, settings: Settings) -> Starlette:
    """The application; `engine` is already loaded, so that `/readyz` is true from its first response."""
    app = Starlette(
        routes=[
            Route("/transcribe", transcribe, methods=["POST"]),
            Route(LIVE_PATH, healthz),
            Route(READY_PATH, readyz),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    # A redirect would name the address that the load balancer forwards to, without TLS: a client that followed it would
    # send its recording and its key in the clear.
    app.router.redirect_slashes = False
    app.add_middleware(ApiKeyCheck, keys=settings.accepted_keys)
    app.add_middleware(RequestLog)
    app.state.calls = Calls(engine=engine, decode=decode, meter=meter, settings=settings)
    app.state.max_upload_bytes = settings.max_upload_bytes
    app.state.silence_seconds = settings.silence_seconds
    return app


async def transcribe(request: Request) -> Response:
    """`POST /transcribe`: the original service's contract, with more keys in the response."""
    return await answered(_transcribe(request), silence_seconds=request.app.state.silence_seconds)


async def _transcribe(request: Request) -> Response:
    calls: Calls = request.app.state.calls
    with calls.meter.call() as measures:
        try:
            with calls.slot() as began:
                async with read_call(request, limit=request.app.state.max_upload_bytes) as call:
                    calls.engine.check_language(call.language)
                    transcript = await calls.run(call, measures, began=began, abandoned=request.is_disconnected)
        except (Cancelled, ClientDisconnect):
            measures.outcome = Outcome.CANCELLED
            return Response(status_code=499)  # for the log: the caller is gone
        measures.outcome = transcript.outcome
    return JSONResponse(answer(transcript))


async def healthz(_: Request) -> Response:
    """`GET /healthz`: the event loop responds."""
    return JSONResponse({"status": "healthy"})


async def readyz(request: Request) -> Response:
    """`GET /readyz`: the model is loaded and the service accepts calls."""
    if request.app.state.calls.draining:
        return JSONResponse({"status": "draining"}, status_code=503)
    return JSONResponse({"status": "ready"})
