"""The HTTP face: a recording in a form, its transcript in the answer.

The event loop only moves bytes. Whatever decodes or infers runs on the calls' own threads.
"""

import asyncio
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import BinaryIO, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from service.contract import LIVE_PATH, READY_PATH, Outcome
from service.engine.engine import Cancelled, Progress
from service.errors import (
    BadForm,
    Busy,
    Draining,
    InvalidFlag,
    MissingFile,
    UnknownField,
    UnsupportedEncoding,
    UploadTooLarge,
)
from service.http.middleware import KeyCheck, RequestLog
from service.http.responses import EXCEPTION_HANDLERS, answer
from service.recording import Recording
from service.settings import Settings
from service.telemetry import Measures, Meter, SharedClock
from service.transcript import Transcript

AUDIO_FIELD = "audio_file"
OPTIONAL_FIELDS = ("language", "words")
# How often a running call looks whether its caller is still there.
DISCONNECT_POLL_SECONDS = 1.0


class Transcriber(Protocol):
    """What the API needs of an engine."""

    def check_language(self, language: str) -> None:
        """Raise `InvalidField` for a language that the model does not know."""

    def transcribe(self, recording: Recording, *, language: str, words: bool, progress: Progress) -> Transcript:
        """Transcribe every channel of a recording."""


Decode = Callable[[Path], Recording]


class Calls:
    """The calls that were accepted: they run on threads of their own, a bounded number at once."""

    def __init__(self, *, engine: Transcriber, decode: Decode, meter: Meter, settings: Settings) -> None:
        self.engine = engine
        self.meter = meter
        self.draining = False
        self._decode = decode
        self._running = settings.max_running
        self._places = settings.max_running + settings.max_waiting
        self._accepted = 0
        self._mean_seconds = 1.0
        self._clock = SharedClock()
        self._threads = ThreadPoolExecutor(settings.max_running, thread_name_prefix="call")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place from the first byte of the request to the last of its answer; `RetryLater` where none is left."""
        if self.draining:
            raise Draining
        if self._accepted >= self._places:
            wait = self._mean_seconds * self._accepted / self._running
            raise Busy(retry_after_seconds=max(1, round(wait)))
        self._accepted += 1
        started = time.monotonic()
        try:
            yield
            self._mean_seconds += 0.2 * (time.monotonic() - started - self._mean_seconds)
        finally:
            self._accepted -= 1

    async def run(self, order: "Order", measures: Measures, *, abandoned: Callable[[], Awaitable[bool]]) -> Transcript:
        """Decode and transcribe on a call's thread; give up between two batches once the caller has gone."""
        gone = Event()
        work = partial(self._work, order, measures, gone=gone, accepted=time.monotonic())
        call = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            while not (await asyncio.wait([call], timeout=DISCONNECT_POLL_SECONDS))[0]:
                if await abandoned():
                    raise Cancelled
            return call.result()
        finally:
            gone.set()

    def _work(self, order: "Order", measures: Measures, *, gone: Event, accepted: float) -> Transcript:
        def progress(_: float) -> None:
            if gone.is_set():
                raise Cancelled

        measures.queue_wait = time.monotonic() - accepted
        progress(0)
        with self._clock.running(measures):
            with tempfile.NamedTemporaryFile() as file:
                shutil.copyfileobj(order.recording, file)
                file.flush()
                recording = self._decode(Path(file.name))
            measures.audio = recording.duration
            progress(0)
            return self.engine.transcribe(recording, language=order.language, words=order.words, progress=progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a caller asks for: a recording, and how to transcribe it."""

    recording: BinaryIO
    language: str
    words: bool


def create_app(*, engine: Transcriber, decode: Decode, meter: Meter, settings: Settings) -> Starlette:
    """The application; `engine` is loaded already, so that the first answer of `/readyz` is the truth."""
    app = Starlette(
        routes=[
            Route("/transcribe", transcribe, methods=["POST"]),
            Route(LIVE_PATH, healthz),
            Route(READY_PATH, readyz),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    app.add_middleware(KeyCheck, keys=settings.accepted_keys)
    app.add_middleware(RequestLog)
    app.state.calls = Calls(engine=engine, decode=decode, meter=meter, settings=settings)
    app.state.max_upload_bytes = settings.max_upload_bytes
    return app


async def transcribe(request: Request) -> Response:
    """`POST /transcribe`: the original service's contract, with added keys."""
    calls: Calls = request.app.state.calls
    with calls.meter.call() as measures:
        try:
            with calls.place():
                async with _form(request, request.app.state.max_upload_bytes) as form:
                    order = _order(form)
                    calls.engine.check_language(order.language)
                    transcript = await calls.run(order, measures, abandoned=request.is_disconnected)
        except (Cancelled, ClientDisconnect):
            measures.outcome = Outcome.CANCELLED
            return Response(status_code=499)  # nobody reads it; the log does
        if transcript.partial:
            measures.outcome = Outcome.PARTIAL
    return JSONResponse(answer(transcript))


async def healthz(_: Request) -> Response:
    """`GET /healthz`: the event loop answers."""
    return JSONResponse({"status": "healthy"})


async def readyz(request: Request) -> Response:
    """`GET /readyz`: the model is loaded and new calls are welcome."""
    if request.app.state.calls.draining:
        return JSONResponse({"status": "draining"}, status_code=503)
    return JSONResponse({"status": "ready"})


@asynccontextmanager
async def _form(request: Request, limit: int) -> AsyncIterator[FormData]:
    """The request's form, read while it fits into `limit` bytes; its files are gone at the end of the block."""
    if (encoding := request.headers.get("content-encoding", "identity")) != "identity":
        raise UnsupportedEncoding(encoding=encoding)
    if (length := request.headers.get("content-length", "")).isdigit() and int(length) > limit:
        raise UploadTooLarge(size=f"{length} bytes", limit=limit)
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise UploadTooLarge(size=f"more than {limit} bytes", limit=limit)
        return message

    try:
        form = await Request(request.scope, receive).form(max_files=1, max_fields=len(OPTIONAL_FIELDS))
    except HTTPException as error:
        raise BadForm(reason=error.detail) from error
    try:
        yield form
    finally:
        await form.close()


def _order(form: FormData) -> Order:
    upload = form.get(AUDIO_FIELD)
    if not isinstance(upload, UploadFile):
        raise MissingFile(field=AUDIO_FIELD, fields=sorted(set(form)) or ["none"])
    for name in form:
        if name not in (AUDIO_FIELD, *OPTIONAL_FIELDS):
            raise UnknownField(field=name, known=(AUDIO_FIELD, *OPTIONAL_FIELDS))
    words = str(form.get("words", "false"))
    if words not in {"true", "false"}:
        raise InvalidFlag(field="words", value=words)
    return Order(recording=upload.file, language=str(form.get("language", "")), words=words == "true")


class Server(uvicorn.Server):
    """Uvicorn whose SIGTERM means: not ready any more, finish what was accepted, exit with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install the handlers for as long as the server runs."""
        calls: Calls = self.config.app.state.calls  # type: ignore[union-attr]

        def drain() -> None:
            calls.draining = True
            self.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, drain)
        yield


def serve(app: Starlette, *, listener: socket.socket, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the accepted calls."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        # The load balancer closes idle connections first: otherwise it sends into closed ones and answers 502.
        timeout_keep_alive=settings.idle_timeout_seconds + 5,
        timeout_graceful_shutdown=settings.stop_timeout_seconds - 5,
    )
    Server(config).run(sockets=[listener])
