"""`POST /v1/audio/transcriptions` and `POST /v1/audio/translations`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.http.answering import gone, transcript_of
from service.http.calls import Call
from service.http.form import on_disk, read_form, recording_in
from service.http.late_answer import answered
from service.http.openai import bodies
from service.http.openai.events import News, Work, streamed
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
from service.transcript import Segment

# More values than any request needs; keywords are the only ones in numbers.
MAX_VALUES = 1000
# Far below the idle timeout of any gateway.
PING_SECONDS = 15.0

Read = Callable[[FormData, Served], Parameters]


async def transcriptions(request: Request) -> Response:
    """`POST /v1/audio/transcriptions`."""
    return await _respond(request, transcription, fields=(*SINGLE_FIELDS, *LIST_FIELDS))


async def translations(request: Request) -> Response:
    """`POST /v1/audio/translations`: the text is English."""
    return await _respond(request, translation, fields=TRANSLATION_FIELDS)


async def _respond(request: Request, read: Read, *, fields: Sequence[str]) -> Response:
    """The response to a request: how it is sent is known once the form is read, while its work goes on."""
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[Parameters] = loop.create_future()
    news: News = asyncio.Queue()

    def tell(segments: Sequence[Segment]) -> None:
        loop.call_soon_threadsafe(news.put_nowait, segments)

    @asynccontextmanager
    async def reading() -> AsyncIterator[Call]:
        names = (RECORDING_FIELD, *fields)
        async with read_form(request, recording=RECORDING_FIELD, fields=names, max_values=MAX_VALUES) as form:
            upload = recording_in(form, RECORDING_FIELD)
            parameters = read(form, request.app.state.models)
            asked.set_result(parameters)
            yield Call(
                file=await on_disk(upload),
                name=upload.filename or "",
                language=parameters.language,
                guidance=parameters.guidance,
                accept=parameters.accept,
                listener=tell if parameters.stream else None,
            )

    work: Work = asyncio.ensure_future(transcript_of(request, reading()))
    work.add_done_callback(lambda _: news.put_nowait(None))
    either: tuple[asyncio.Future[Any], ...] = (work, asked)
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            await work  # which raises the error of the form
            return gone()
        parameters, silence = asked.result(), request.app.state.silence_seconds
        if parameters.stream:
            return await streamed(work, news, parameters, ping_seconds=min(PING_SECONDS, silence))
        rendered = _rendered(work, parameters)
        return await answered(rendered, silence_seconds=silence, form=bodies.form_of(parameters))
    except BaseException:
        work.cancel()
        await asyncio.wait([work])
        raise


async def _rendered(work: Work, parameters: Parameters) -> Response:
    transcript = await work
    return bodies.response(transcript, parameters) if transcript else gone()


ROUTES = (
    Route("/v1/audio/transcriptions", transcriptions, methods=["POST"]),
    Route("/v1/audio/translations", translations, methods=["POST"]),
)
