"""The calls that were accepted: they decode and transcribe on threads of their own, a bounded number at once."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import BinaryIO, Protocol

from service.engine.engine import Cancelled, Progress
from service.errors import AnswerTooLate, AudioTooLong, Busy, Draining, TooLongToAnswer
from service.recording import Decode, Recording
from service.settings import Settings
from service.telemetry import Measures, Meter, SharedClock
from service.transcript import Transcript

# How often a running call checks whether its caller is still connected.
DISCONNECT_POLL_SECONDS = 1.0


class Transcriber(Protocol):
    """The engine as the API sees it."""

    def check_language(self, language: str) -> None:
        """Raise `UnknownLanguage` if the model does not know the language."""

    def transcribe(self, recording: Recording, *, language: str, words: bool, progress: Progress) -> Transcript:
        """Transcribe every channel of a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request for a transcript: an open file with the recording, the name that it came with, and how to transcribe it."""

    file: BinaryIO
    name: str
    language: str
    words: bool


class Calls:
    """Runs calls in a bounded number of slots: `max_running` at once, and `max_waiting` behind them."""

    def __init__(self, *, engine: Transcriber, decode: Decode, meter: Meter, settings: Settings) -> None:
        self.engine = engine
        self.meter = meter
        self.draining = False
        self._decode = decode
        self._deadline = settings.api_deadline_seconds
        self._running = settings.max_running
        self._slots = settings.max_running + settings.max_waiting
        self._accepted = 0
        self._mean_seconds = 1.0
        self._clock = SharedClock()
        self._threads = ThreadPoolExecutor(settings.max_running, thread_name_prefix="call")

    @contextmanager
    def slot(self) -> Iterator[float]:
        """Hold a slot from the first byte of the request until its work has ended; yields the time on the monotonic clock.

        Raises:
            Draining: the service is stopping.
            Busy: every slot is taken.
        """
        if self.draining:
            raise Draining
        if self._accepted >= self._slots:
            wait = self._mean_seconds * self._accepted / self._running
            raise Busy(retry_after_seconds=max(1, round(wait)))
        self._accepted += 1
        started = time.monotonic()
        try:
            yield started
            self._mean_seconds += 0.2 * (time.monotonic() - started - self._mean_seconds)
        finally:
            self._accepted -= 1

    async def run(
        self, call: Call, measures: Measures, *, began: float, abandoned: Callable[[], Awaitable[bool]]
    ) -> Transcript:
        """Decode and transcribe on a thread; stop after the current decode or batch if nobody can wait for the answer.

        Raises:
            Cancelled: the caller disconnected.
            AnswerTooLate: the call, which began at `began`, takes longer than its deadline.
        """
        gone, late = Event(), False
        # The form may close its file at any moment, and the next caller's file then gets the same number. So the work
        # reads a descriptor of its own, which closes when the work ends or turns out never to begin, and not before.
        source = os.fdopen(os.dup(call.file.fileno()), "rb")
        work = self._threads.submit(self._work, source, call, measures, gone=gone, accepted=time.monotonic())
        work.add_done_callback(lambda _: source.close())
        done = asyncio.wrap_future(work)
        # If this coroutine is cancelled, no one asks for the outcome, and asyncio would log it as forgotten.
        done.add_done_callback(lambda future: future.cancelled() or future.exception())
        try:
            while not (await asyncio.wait([done], timeout=DISCONNECT_POLL_SECONDS))[0]:
                late = late or (not gone.is_set() and time.monotonic() - began > self._deadline)
                if late or await abandoned():
                    gone.set()
                    # Work that has begun keeps its slot until it ends: until then it occupies a thread and the disk.
                    if work.cancel():
                        raise AnswerTooLate(limit=self._deadline) if late else Cancelled
            if late and isinstance(done.exception(), Cancelled):
                raise AnswerTooLate(limit=self._deadline)
            return done.result()
        finally:
            gone.set()
            work.cancel()

    def _work(self, source: BinaryIO, call: Call, measures: Measures, *, gone: Event, accepted: float) -> Transcript:
        def progress(_: float) -> None:
            if gone.is_set():
                raise Cancelled

        measures.queue_wait = time.monotonic() - accepted
        progress(0)
        with self._clock.running(measures):
            try:
                recording = self._decode(source, name=call.name)
            except AudioTooLong as error:
                raise TooLongToAnswer(**error.arguments) from error
            measures.audio = recording.duration
            progress(0)
            return self.engine.transcribe(recording, language=call.language, words=call.words, progress=progress)
