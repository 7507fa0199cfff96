"""The calls that were accepted: they decode and transcribe on threads of their own, a bounded number at once."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any, BinaryIO, Protocol, TypeVar

from service import tracing
from service.engine.engine import Cancelled, Progress
from service.engine.final import Listener
from service.engine.guidance import UNGUIDED, Guidance
from service.errors import AnswerTooLate, AudioTooLong, Draining, TooLongToAnswer
from service.http.admission import Queue, Slot
from service.http.turns import Turns
from service.recording import BYTES_PER_SAMPLE, MAX_CHANNELS, SAMPLE_RATE, Decode, Recording
from service.settings import Settings
from service.telemetry import Measures, Meter, SharedClock, caller
from service.transcript import Segment, Transcript

# How often a running call checks whether its caller is still connected.
DISCONNECT_POLL_SECONDS = 1.0
# A short call never waits for a long one to end.
SHORT_SECONDS = 60.0
# As an hour of MP3 takes a few seconds; it only decides who decodes first.
DECODED_BYTES_PER_SECOND = 10_000_000

# News of a call in work: segments in turn, or the share that is transcribed.
Item = Sequence[Segment] | float
Tell = Callable[[Item], None]

T = TypeVar("T")


class Transcriber(Protocol):
    """The engine as the API sees it."""

    @property
    def encoder(self) -> str:
        """The runtime, version and arithmetic of the model's encoder."""

    def check_language(self, language: str) -> None:
        """Raise `UnknownLanguage` if the model does not know the language."""

    def check_guidance(self, guidance: Guidance) -> None:
        """Raise an `InvalidField` or a `RequestError` if the model cannot follow it."""

    def transcribe(
        self,
        recording: Recording,
        *,
        language: str,
        words: bool,
        guidance: Guidance,
        progress: Progress,
        listener: Listener | None,
    ) -> Transcript:
        """Transcribe every channel of a recording; the listener is told of each segment as soon as it is final."""

    def busy_seconds(self) -> float:
        """How long the batch of windows that is the longest in work has been so; 0 if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request for a transcript.

    Attributes:
        file: open, with the recording.
        name: that the file came with.
        language: ISO 639 code; empty to detect it.
        words: whether the transcript shows its words.
        guidance: of the model.
        accept: raises an error if the decoded recording cannot be answered as the request asks.
        listener: told of each segment as soon as it is final.
        watcher: told of the share that is transcribed, from 0 on.
    """

    file: BinaryIO
    name: str
    language: str
    words: bool = False
    guidance: Guidance = UNGUIDED
    accept: Callable[[Recording], None] = lambda _: None
    listener: Listener | None = None
    watcher: Callable[[float], None] | None = None


class Calls:
    """Runs calls: decodes each, gives it a slot in the queue by its length, and transcribes it when its turn comes."""

    def __init__(self, *, engine: Transcriber, decode: Decode, meter: Meter, settings: Settings) -> None:
        self.engine = engine
        self.meter = meter
        self.draining = False
        self.proxies = settings.proxies
        self.queue = Queue(max_wait_seconds=settings.max_wait_seconds)
        self._decode = decode
        self._deadline = settings.api_deadline_seconds
        self._stuck_seconds = settings.stuck_seconds
        self._longest_bytes = (settings.max_audio_seconds + 1) * SAMPLE_RATE * BYTES_PER_SAMPLE * MAX_CHANNELS
        self._disk_bytes = settings.max_running * self._longest_bytes
        self._decoded_bytes = 0
        self._decodes = Turns(settings.max_running, room=self._has_room)
        self._runs = Turns(settings.max_running)
        self._clock = SharedClock()
        # When each thread at work began, by its future.
        self._began: dict[asyncio.Future[Any], float] = {}
        self._threads = ThreadPoolExecutor(2 * settings.max_running, thread_name_prefix="call")

    @property
    def running(self) -> int:
        """How many calls the engine works on."""
        return self._runs.taken

    @property
    def stuck(self) -> bool:
        """Whether a batch of windows, or a call beyond its deadline, takes so long that it will not end."""
        now = time.monotonic()
        beyond = now - min(self._began.values(), default=now) - self._deadline
        return max(self.engine.busy_seconds(), beyond) > self._stuck_seconds

    def check_room(self, identity: str) -> None:
        """Refuse a call before its body is read, if even a short one would have to wait for too long.

        Raises:
            Draining: the service is stopping.
            Busy: the queue is full.
        """
        if self.draining:
            raise Draining
        self.queue.check_room(identity)

    async def run(
        self, call: Call, measures: Measures, *, identity: str, abandoned: Callable[[], Awaitable[bool]]
    ) -> Transcript:
        """Decode and transcribe on threads; stop after the current decode or window if no caller waits for the answer any more.

        Raises:
            Cancelled: the caller disconnected.
            AnswerTooLate: the call takes longer than its deadline, from the time at which it began to be measured.
            Busy, ShareExceeded: there is no slot in the queue for a call of its length.
        """
        gone, late = Event(), False
        # The form may close its file at any moment, and the next caller's file then gets the same number. So the work
        # reads a descriptor of its own.
        source = os.fdopen(os.dup(call.file.fileno()), "rb")
        work = asyncio.ensure_future(self._work(source, call, measures, identity=identity, gone=gone))
        work.add_done_callback(lambda _: source.close())
        # If this coroutine is cancelled, no one asks for the outcome, and asyncio would log it as forgotten.
        work.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            while not (await asyncio.wait([work], timeout=DISCONNECT_POLL_SECONDS))[0]:
                late = late or (not gone.is_set() and time.monotonic() - measures.began > self._deadline)
                if late or await abandoned():
                    gone.set()
                    work.cancel()
            if work.cancelled() or isinstance(work.exception(), Cancelled):
                raise AnswerTooLate(limit=self._deadline) if late else Cancelled
            return work.result()
        finally:
            gone.set()
            work.cancel()

    async def _work(
        self, source: BinaryIO, call: Call, measures: Measures, *, identity: str, gone: Event
    ) -> Transcript:
        waiting = time.monotonic()
        # A larger file takes longer to decode, so that a smaller one goes first, with aging as in the queue.
        rank = waiting + os.fstat(source.fileno()).st_size / DECODED_BYTES_PER_SECOND
        async with self._decodes.turn(rank=rank):
            measures.queue_wait = time.monotonic() - waiting
            tracing.ended("wait to decode", seconds=measures.queue_wait)
            recording = await self._on_thread(partial(self._recording, source, call, measures))
            self._decoded_bytes += recording.samples.nbytes
        try:
            measures.audio = recording.duration
            with self.queue.slot(recording.duration, caller=caller.get(), identity=identity) as slot:
                waiting = time.monotonic()
                async with self._runs.turn(rank=slot.rank, long=recording.duration > SHORT_SECONDS):
                    slot.running = True
                    waited = time.monotonic() - waiting
                    measures.queue_wait += waited
                    tracing.ended("wait in the queue", seconds=waited)
                    transcript = await self._on_thread(
                        partial(self._transcript, recording, call, measures, slot=slot, gone=gone)
                    )
            self.queue.pace.measure(processing=measures.processing or 0.0, audio=recording.duration)
            return transcript
        finally:
            self._decoded_bytes -= recording.samples.nbytes
            self._decodes.wake()

    def _has_room(self) -> bool:
        """Whether the disk has room for one more recording of the greatest length, decoded."""
        return self._decoded_bytes + (self._decodes.taken + 1) * self._longest_bytes <= self._disk_bytes

    async def _on_thread(self, work: Callable[[], T]) -> T:
        """Do work on a thread. If it is cancelled, it ends when the thread does: until then it holds CPU and disk."""
        ended = asyncio.wrap_future(self._threads.submit(copy_context().run, work))
        self._began[ended] = time.monotonic()
        cancelled = False
        while not ended.done():
            try:
                await asyncio.wait([ended])
            except asyncio.CancelledError:
                cancelled = True
        del self._began[ended]
        if cancelled:
            ended.exception()
            raise asyncio.CancelledError
        return ended.result()

    def _recording(self, source: BinaryIO, call: Call, measures: Measures) -> Recording:
        with self._clock.running(measures), tracing.span("decode") as span:
            try:
                recording = self._decode(source, name=call.name)
            except AudioTooLong as error:
                raise TooLongToAnswer(**error.arguments) from error
            finally:
                # Decoded, a recording no longer needs its upload's space on the disk.
                source.close()
                call.file.close()
            span.note(audio_seconds=recording.duration, channels=recording.channels)
            call.accept(recording)
            return recording

    def _transcript(
        self, recording: Recording, call: Call, measures: Measures, *, slot: Slot, gone: Event
    ) -> Transcript:
        told = -1.0

        def progress(share: float) -> None:
            nonlocal told
            if gone.is_set():
                raise Cancelled
            if share > told:
                told = slot.done = share
                span.event("progress", share=share)
                if call.watcher:
                    call.watcher(share)

        with self._clock.running(measures), tracing.span("transcribe") as span:
            progress(0.0)
            return self.engine.transcribe(
                recording,
                language=call.language,
                words=call.words,
                guidance=call.guidance,
                progress=progress,
                listener=call.listener,
            )
