"""The answer to a call that takes minutes: white space first, so that no gateway on its way drops the connection."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response, StreamingResponse

from service.telemetry import log


class CutOff(Exception):
    """The work failed after its answer had begun, so that the connection is closed within the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A format of answers: its media type, the opening of every document, and the white space that may follow that."""

    media_type: str
    opening: bytes = b""
    space: bytes = b" "


JSON = Form(media_type="application/json")


async def answered(work: Coroutine[Any, Any, Response], *, silence_seconds: float, form: Form = JSON) -> Response:
    """The response that `work` makes; after so many seconds of silence, one whose body begins with white space.

    JSON allows spaces before the document, and its readers skip them. But the status is sent with the first space,
    before the outcome is known. What refuses a recording is known after its decoding, long before, unless the call had
    to wait for a slot; otherwise only the deadline or a defect can still end it. Then the body is cut off, which every
    client sees as a failed response: an error inside a 200 could be taken for a transcript.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait([task], timeout=silence_seconds)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise
    if done:
        return task.result()
    return StreamingResponse(_body(task, silence_seconds, form), media_type=form.media_type)


async def _body(task: asyncio.Future[Response], silence_seconds: float, form: Form) -> AsyncIterator[bytes]:
    """White space at once and after each silence, then the body of the response."""
    try:
        yield form.opening + form.space
        await asyncio.wait([task], timeout=silence_seconds)
        while not task.done():
            yield form.space
            await asyncio.wait([task], timeout=silence_seconds)
        if error := task.exception():
            log("answer cut off", error=type(error).__name__)
            raise CutOff from error
        yield bytes(task.result().body).removeprefix(form.opening)
    finally:
        # The caller may have left: nothing of the call outlives its response.
        task.cancel()
        await asyncio.wait([task])
