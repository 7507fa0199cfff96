"""Answers in server-sent events: news of a call while its transcript comes to be, then the transcript."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from service import tracing
from service.errors import ServiceError
from service.http.answering import gone, transcript_of
from service.http.calls import Call, Item, Tell
from service.http.late_answer import CutOff
from service.http.responses import error_body
from service.telemetry import log
from service.transcript import Transcript

MEDIA_TYPE = "text/event-stream"
# Gateways shall pass each event on at once.
HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
PING = b": ping\n\n"
# Far below the idle timeout of any gateway.
PING_SECONDS = 15.0

# Followed by None once the work has ended.
News = asyncio.Queue[Item | None]
Work = asyncio.Task[Transcript | None]
W = TypeVar("W")


class Telling(Protocol):
    """The events of one call."""

    def of(self, item: Item) -> Iterator[dict[str, Any]]:
        """The events of further news."""

    def last(self, transcript: Transcript) -> dict[str, Any]:
        """The event at the end."""


async def respond(
    request: Request,
    reading: Callable[[Tell, Callable[[W], None]], AbstractAsyncContextManager[Call]],
    *,
    answer: Callable[[Work, News, W], Awaitable[Response]],
) -> Response:
    """The response to a request: how it is sent is known once the form is read, while its work goes on.

    Args:
        request: with a recording.
        reading: reads the call; is given functions that tell its news, and that take the form's wishes once read.
        answer: makes the response from the work, the news of it and the wishes.
    """
    loop = asyncio.get_running_loop()
    wishes: asyncio.Future[W] = loop.create_future()
    news: News = asyncio.Queue()

    def tell(item: Item) -> None:
        loop.call_soon_threadsafe(news.put_nowait, item)

    work: Work = asyncio.ensure_future(transcript_of(request, reading(tell, wishes.set_result)))
    work.add_done_callback(lambda _: news.put_nowait(None))
    either: tuple[asyncio.Future[Any], ...] = (work, wishes)
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not wishes.done():
            await work  # which raises the error of the form
            return gone()
        return await answer(work, news, wishes.result())
    except BaseException:
        work.cancel()
        await asyncio.wait([work])
        raise


async def streamed(work: Work, news: News, telling: Telling, *, silence_seconds: float) -> Response:
    """The answer in events, with a comment after each silence.

    The status waits for the first news or the first silence, so that a refused recording has its own status;
    an error after that is an event, which clients raise.
    """
    ping_seconds = min(PING_SECONDS, silence_seconds)
    first = await _next(news, ping_seconds)
    if first is None and work.result() is None:
        return gone()
    body = _body(work, news, first, telling, ping_seconds)
    return StreamingResponse(body, media_type=MEDIA_TYPE, headers=HEADERS)


async def _next(news: News, seconds: float) -> Item | None:
    """The next news; no segments after so many seconds, and None at the end."""
    try:
        async with asyncio.timeout(seconds):
            return await news.get()
    except TimeoutError:
        return ()


async def _body(
    work: Work, news: News, first: Item | None, telling: Telling, ping_seconds: float
) -> AsyncIterator[bytes]:
    item = first
    try:
        while item is not None:
            yield b"".join(map(_event, telling.of(item))) or PING
            item = await _next(news, ping_seconds)
        try:
            transcript = work.result()
        except Exception as error:
            log("stream cut off", error=type(error).__name__)
            yield _event(error_body(error))
            if isinstance(error, ServiceError):
                return
            raise CutOff from error
        if transcript:
            with tracing.span("render"):
                last = _event(telling.last(transcript))
            yield last
    finally:
        # The caller may have left: nothing of the call outlives its response.
        work.cancel()
        await asyncio.wait([work])


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"
