"""A transcript as a stream of server-sent events: its segments in call order, each as soon as it is final."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from starlette.responses import Response, StreamingResponse

from service.errors import ServiceError
from service.http.answering import gone
from service.http.late_answer import CutOff
from service.http.openai.bodies import (
    all_log_probabilities,
    diarized,
    languages,
    log_probabilities,
    losses,
    segment_id,
)
from service.http.openai.parameters import DIARIZED, Parameters
from service.http.responses import error_body
from service.telemetry import log
from service.transcript import Segment, Transcript, additions, running_text

MEDIA_TYPE = "text/event-stream"
# Gateways shall pass each event on at once.
HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
PING = b": ping\n\n"

Work = asyncio.Task[Transcript | None]
# Segments in turn, and None once the work has ended.
News = asyncio.Queue[Sequence[Segment] | None]


async def streamed(work: Work, news: News, parameters: Parameters, *, ping_seconds: float) -> Response:
    """The answer in events, with a comment after each silence.

    The status waits for the first segment or the first silence, so that a refused recording has its own status;
    an error after that is an event, which clients raise.
    """
    first = await _next(news, ping_seconds)
    if first is None and work.result() is None:
        return gone()
    body = _body(work, news, first, parameters, ping_seconds)
    return StreamingResponse(body, media_type=MEDIA_TYPE, headers=HEADERS)


async def _next(news: News, seconds: float) -> Sequence[Segment] | None:
    """The next segments; none of them after so many seconds, and None at the end."""
    try:
        async with asyncio.timeout(seconds):
            return await news.get()
    except TimeoutError:
        return ()


async def _body(
    work: Work, news: News, first: Sequence[Segment] | None, parameters: Parameters, ping_seconds: float
) -> AsyncIterator[bytes]:
    telling, segments = _Telling(parameters), first
    try:
        while segments is not None:
            yield b"".join(map(_event, telling.events(segments))) or PING
            segments = await _next(news, ping_seconds)
        try:
            transcript = work.result()
        except Exception as error:
            log("stream cut off", error=type(error).__name__)
            yield _event(error_body(error))
            if isinstance(error, ServiceError):
                return
            raise CutOff from error
        if transcript:
            yield _event(_done(transcript, parameters))
    finally:
        # The caller may have left: nothing of the call outlives its response.
        work.cancel()
        await asyncio.wait([work])


class _Telling:
    """The events of a call's segments, in order."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._last: Segment | None = None
        self._count = 0

    def events(self, segments: Sequence[Segment]) -> Iterator[dict[str, Any]]:
        """The events of further segments."""
        for segment, addition in zip(segments, additions(segments, after=self._last), strict=True):
            delta = {"type": "transcript.text.delta", "delta": addition}
            if self._parameters.form == DIARIZED:
                yield delta | {"segment_id": segment_id(self._count)}
                yield diarized(segment, self._count, self._parameters.speakers)
            elif self._parameters.log_probabilities:
                yield delta | {"logprobs": log_probabilities(segment, addition)}
            else:
                yield delta
            self._last = segment
            self._count += 1


def _done(transcript: Transcript, parameters: Parameters) -> dict[str, Any]:
    event = {
        "type": "transcript.text.done",
        "text": running_text(transcript.segments),
        "languages": languages(transcript),
        **losses(transcript),
    }
    if parameters.log_probabilities:
        event["logprobs"] = all_log_probabilities(transcript.segments)
    return event


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"
