"""The HTTP application: a recording in a form, its transcript in the response.

The event loop only moves bytes. Decoding and inference run on the calls' own threads.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service import tracing
from service.http import batch as batch_routes
from service.http import description, page, probes
from service.http import jobs as job_routes
from service.http.answering import gone
from service.http.api_keys import KeyRing
from service.http.batch_desk import BatchDesk
from service.http.calls import Calls, Transcriber
from service.http.events import Events
from service.http.form import TRANSCRIBE_PATH, read_call
from service.http.guards import add_guards
from service.http.jobs_desk import JobDesk
from service.http.late_answer import answered
from service.http.openai import audio, models
from service.http.responses import EXCEPTION_HANDLERS, answer
from service.http.streams import News, Work, respond, streamed
from service.provenance import transcript_provenance
from service.recording import Decode
from service.settings import Settings
from service.telemetry import Meter


def create_app(
    *,
    engine: Transcriber,
    decode: Decode,
    meter: Meter,
    settings: Settings,
    read_keys: Callable[[], str] | None = None,
    jobs: JobDesk | None = None,
    batch: BatchDesk | None = None,
) -> Starlette:
    """The application; `engine` is already loaded, so that `/readyz` is true from its first response.

    `read_keys` reads the secret with the callers' keys again. Without `jobs`, none are taken; without `batch`, there is no view of it.
    """
    app = Starlette(
        routes=[
            Route(TRANSCRIBE_PATH, transcribe, methods=["POST"]),
            *probes.ROUTES,
            *audio.ROUTES,
            *models.ROUTES,
            *job_routes.ROUTES,
            *batch_routes.ROUTES,
            *description.ROUTES,
            *page.routes(
                settings, batch=batch is not None, origins=jobs.origins if jobs and settings.page_jobs else None
            ),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    # A redirect would name the address that the load balancer forwards to, without TLS: a client that followed it would
    # send its recording and its key in the clear.
    app.router.redirect_slashes = False
    app.state.calls = Calls(engine=engine, decode=decode, meter=meter, settings=settings)
    ring = KeyRing(settings.access_keys, read=read_keys)
    add_guards(app, calls=app.state.calls, ring=ring, settings=settings)
    app.state.silence_seconds = settings.silence_seconds
    app.state.jobs, app.state.batch = jobs, batch
    app.state.models = models.served(settings)
    # A path or an address of the model is none of a caller's business.
    own_name = app.state.models.names[0]
    app.state.provenance = transcript_provenance(settings, encoder=engine.encoder) | {"model": own_name}
    return app


async def transcribe(request: Request) -> Response:
    """`POST /transcribe`: the original service's contract, with more keys in the response; or the same in events."""
    silence, provenance = request.app.state.silence_seconds, request.app.state.provenance

    async def sent(work: Work, news: News, stream: bool) -> Response:  # noqa: FBT001 - as the form has it
        if stream:
            return await streamed(work, news, Events(provenance=provenance), silence_seconds=silence)
        return await answered(_transcribe(work, provenance), silence_seconds=silence)

    return await respond(request, partial(read_call, request), answer=sent)


async def _transcribe(work: Work, provenance: Mapping[str, Any]) -> Response:
    transcript = await work
    if not transcript:
        return gone()
    with tracing.span("render"):
        return JSONResponse(answer(transcript, provenance=provenance))
