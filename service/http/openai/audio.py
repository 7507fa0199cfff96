"""`POST /v1/audio/transcriptions` and `POST /v1/audio/translations`."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service import tracing
from service.http.answering import gone
from service.http.calls import Call, Tell
from service.http.form import on_disk, read_form, recording_in
from service.http.late_answer import answered
from service.http.openai import bodies
from service.http.openai.events import Events
from service.http.openai.fields import RECORDING_FIELD
from service.http.openai.models import Served
from service.http.openai.parameters import (
    LIST_FIELDS,
    SINGLE_FIELDS,
    TRANSLATION_FIELDS,
    Parameters,
    transcription,
    translation,
)
from service.http.streams import News, Work, respond, streamed

# More values than any request needs; keywords are the only ones in numbers.
MAX_VALUES = 1000

Read = Callable[[FormData, Served], Parameters]


async def transcriptions(request: Request) -> Response:
    """`POST /v1/audio/transcriptions`."""
    return await _respond(request, transcription, fields=(*SINGLE_FIELDS, *LIST_FIELDS))


async def translations(request: Request) -> Response:
    """`POST /v1/audio/translations`: the text is English."""
    return await _respond(request, translation, fields=TRANSLATION_FIELDS)


async def _respond(request: Request, read: Read, *, fields: Sequence[str]) -> Response:
    silence = request.app.state.silence_seconds

    @asynccontextmanager
    async def reading(tell: Tell, wish: Callable[[Parameters], None]) -> AsyncIterator[Call]:
        names = (RECORDING_FIELD, *fields)
        async with read_form(request, recording=RECORDING_FIELD, fields=names, max_values=MAX_VALUES) as form:
            upload = recording_in(form, RECORDING_FIELD)
            parameters = read(form, request.app.state.models)
            wish(parameters)
            yield Call(
                file=await on_disk(upload),
                name=upload.filename or "",
                language=parameters.language,
                guidance=parameters.guidance,
                accept=parameters.accept,
                listener=tell if parameters.stream else None,
            )

    async def answer(work: Work, news: News, parameters: Parameters) -> Response:
        if parameters.stream:
            return await streamed(work, news, Events(parameters), silence_seconds=silence)
        rendered = _rendered(work, parameters)
        return await answered(rendered, silence_seconds=silence, form=bodies.form_of(parameters))

    return await respond(request, reading, answer=answer)


async def _rendered(work: Work, parameters: Parameters) -> Response:
    transcript = await work
    if not transcript:
        return gone()
    with tracing.span("render"):
        return bodies.response(transcript, parameters)


ROUTES = (
    Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
    Route("/v1/audio/translations", translations, methods=["POST"]),
)
