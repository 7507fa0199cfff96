"""The queue's loop: a message in, a transcript in the bucket, and only then the message gone.

Each lane takes one message at a time; the lanes share one engine, so that the cores have work while another lane
downloads or saves. Whatever ends a worker, at whatever moment, leaves a message that another one takes up again; what
was saved by then is found, not made twice.
"""

import errno
import random
import socket
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from threading import Event, Lock, Thread
from typing import BinaryIO, Protocol

from service.batch import events, results
from service.batch.events import Delivery, ReceiptGone, Upload
from service.batch.results import Places
from service.contract import Outcome
from service.engine.engine import Cancelled, Progress
from service.errors import RequestError, RetryLater, TooLarge
from service.recording import Recording
from service.settings import Settings
from service.telemetry import Measures, Meter, SharedClock, log, request_id
from service.transcript import Transcript, render

# A long poll cannot be interrupted: this is how long an idle worker takes to stop. An empty answer a second costs a
# task less than a dollar a month.
POLL_SECONDS = 1
WATCH_SECONDS = 0.2
# Left of the stop timeout for saving, and for handing back what did not fit.
STOP_MARGIN_SECONDS = 10
MAX_BACKOFF_SECONDS = 900
DISK_RETRY_SECONDS = 60
HUNG = 1

CONTENT_TYPES = {"vtt": "text/vtt; charset=utf-8", "text": "text/plain; charset=utf-8"}
JSON = "application/json"

Decode = Callable[[Path], Recording]


class Transcriber(Protocol):
    """What a worker needs of an engine."""

    def transcribe(self, recording: Recording, *, progress: Progress) -> Transcript:
        """Transcribe every channel of a recording."""


class Messages(Protocol):
    """What a worker needs of a queue; each method may raise `RetryLater`."""

    def receive(self, *, wait_seconds: int) -> Delivery | None:
        """Wait for one message."""

    def hide(self, delivery: Delivery, *, seconds: int) -> None:
        """Keep it from other receivers; 0 gives it back. May raise `ReceiptGone`."""

    def delete(self, delivery: Delivery) -> None:
        """Its work is saved. May raise `ReceiptGone`."""


class Recordings(Protocol):
    """What a worker needs of the bucket that recordings arrive in."""

    def download(
        self, key: str, *, version_id: str, etag: str, to: BinaryIO, limit: int, progress: Callable[[], None]
    ) -> None:
        """Copy one version of an object into a file. May raise `RetryLater` or a `RequestError`."""


class Results(Protocol):
    """What a worker needs of the bucket that transcripts leave from; each method may raise `RetryLater`."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and its entity tag."""

    def write(self, key: str, body: bytes, *, content_type: str, over: str = "") -> bool:
        """Write an object that is not there, or over the one with an entity tag; False where it is another."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object, whatever was there."""

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""


class Protection(Protocol):
    """What a worker needs of the agent that protects its task."""

    def protect(self, *, minutes: int) -> bool:
        """Protect the task for so long; 0 gives it free."""


class Job:
    """A message in hand: what is known of it in all threads, and whether it is still this worker's."""

    def __init__(self, delivery: Delivery, *, deadline_seconds: int) -> None:
        self.delivery = delivery
        self.since = _now()
        self.started = self.moved = time.monotonic()
        self.share = 0.0
        self.upload: Upload | None = None
        self.marking = Lock()
        self.dropped = False
        self._deadline = self.started + deadline_seconds

    def progress(self, share: float = 0.0) -> None:
        """Note that work goes on, done up to `share`; raise `Cancelled` where it should not."""
        self.moved = time.monotonic()
        self.share = share
        if self.moved > self._deadline:
            raise RetryLater("the job takes too long", code="deadline", retry_after_seconds=DISK_RETRY_SECONDS)
        if self.dropped:
            raise Cancelled

    def fits(self, seconds: float) -> bool:
        """Whether it will probably be done within so many seconds; nobody knows before its first progress."""
        elapsed = time.monotonic() - self.started
        return not self.share or elapsed * (1 - self.share) / self.share < seconds


class Worker:
    """Works through a queue until it is told to stop."""

    def __init__(
        self,
        *,
        engine: Transcriber,
        decode: Decode,
        queue: Messages,
        recordings: Recordings,
        transcripts: Results,
        protection: Protection | None,
        meter: Meter,
        settings: Settings,
    ) -> None:
        self._engine, self._decode, self._meter, self._settings = engine, decode, meter, settings
        self._queue, self._recordings, self._transcripts = queue, recordings, transcripts
        self._protection = protection
        self._clock = SharedClock()
        self._name = socket.gethostname()
        self._lock = Lock()
        self._jobs: set[Job] = set()
        # A decoder ends itself after its own time; a batch of the engine takes less. Silence beyond both is none.
        self._patience = settings.decode_timeout_seconds + settings.visibility_timeout_seconds

    def run(self, stopping: Event) -> int:
        """Work until `stopping` is set, then finish what fits into the stop timeout and hand back the rest.

        Returns:
            0, or `HUNG` where a job made no progress: the process must end then, because nothing else ends the job.
        """
        lanes = [Thread(target=self._lane, args=(stopping,), daemon=True) for _ in range(self._settings.lanes)]
        for lane in lanes:
            lane.start()
        beat = time.monotonic() + self._settings.heartbeat_seconds
        last_second = 0.0
        while any(lane.is_alive() for lane in lanes):
            time.sleep(WATCH_SECONDS)
            now = time.monotonic()
            if now > beat:
                self._beat()
                beat = now + self._settings.heartbeat_seconds
            if any(now - job.moved > self._patience for job in self._in_hand()):
                log("hung", seconds=self._patience)
                self._hand_back(unless_done_in=0)
                return HUNG
            if stopping.is_set():
                last_second = last_second or now + self._settings.stop_timeout_seconds - STOP_MARGIN_SECONDS
                self._hand_back(unless_done_in=last_second - now)
                if now > last_second:
                    break
        log("stopped")
        return 0

    def _lane(self, stopping: Event) -> None:
        while not stopping.is_set():
            try:
                delivery = self._queue.receive(wait_seconds=POLL_SECONDS)
            except RetryLater as fault:
                log("cannot receive", code=fault.code)
                stopping.wait(fault.retry_after_seconds)
                continue
            if delivery is None:
                continue
            job = Job(delivery, deadline_seconds=self._settings.job_deadline_seconds)
            if stopping.is_set():
                self._return(job, seconds=0)
                continue
            token = request_id.set(delivery.identity)
            with self._in_work(job):
                self._handle(job)
            request_id.reset(token)

    def _handle(self, job: Job) -> None:
        """Do what a message asks for; it is deleted where all of that is saved, and returned where it is not."""
        backoff = min(MAX_BACKOFF_SECONDS, 2**job.delivery.receives * 10) * random.uniform(0.5, 1)  # noqa: S311
        try:
            self._account_for_all(events.uploads(job.delivery.body, bucket=self._settings.recordings_bucket), job)
            self._queue.delete(job.delivery)
        except events.UnknownMessage as error:
            # Returned at once, so that it soon waits among the dead letters for somebody to look at it.
            log("unknown message", reason=str(error))
            self._return(job, seconds=0)
        except RetryLater as error:
            log("will be tried again", code=error.code, receives=job.delivery.receives, after_seconds=round(backoff))
            self._return(job, seconds=round(backoff))
        except (Cancelled, ReceiptGone):
            log("let go", receives=job.delivery.receives)
        except Exception as error:  # noqa: BLE001 - a fault of ours, which ends in the dead letters, not in a dead lane
            # Where, and not what it says: that might name the recording.
            where = traceback.format_tb(error.__traceback__)
            log("failed", error=type(error).__name__, where=where, receives=job.delivery.receives)
            self._return(job, seconds=round(backoff))

    def _account_for_all(self, uploads: Sequence[Upload], job: Job) -> None:
        """Try each upload of a message, so that one that has to wait does not hold up the others."""
        faults = []
        for upload in uploads:
            try:
                self._account_for(upload, job)
            except RetryLater as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def _account_for(self, upload: Upload, job: Job) -> None:
        """See to it that an upload has a transcript, or a reason why not."""
        places = Places(upload)
        job.upload = upload
        job.progress()
        stored = self._read(places.transcript)
        if stored is None and self._read(places.failure) is None:
            self._mark_running(job)
            try:
                stored = self._transcribe(upload, places, job)
            except RequestError as error:
                log("refused", code=error.code)
                document = results.failure_document(upload, error, at=_now())
                self._transcripts.write(places.failure, document, content_type=JSON)
        if stored:
            self._complete(upload, places, stored)
        # Whoever made it: a worker that was killed meanwhile could not take this back.
        with job.marking:
            job.upload = None
        self._transcripts.delete(places.running)

    def _transcribe(self, upload: Upload, places: Places, job: Job) -> bytes | None:
        """Write the transcript of an upload; the one that is stored then, which may be another worker's."""
        with self._meter.call() as measures:
            measures.queue_wait = max(0.0, time.time() - job.delivery.sent)
            try:
                transcript = self._hear(upload, job, measures)
                job.progress(1.0)
                document = results.transcript_document(
                    upload,
                    transcript,
                    settings=self._settings,
                    processing_seconds=measures.processing or 0.0,
                    at=_now(),
                )
                self._transcripts.write(places.transcript, document, content_type=JSON)
                if transcript.partial:
                    measures.outcome = Outcome.PARTIAL
            except Cancelled:
                measures.outcome = Outcome.CANCELLED
        job.progress(1.0)
        return self._read(places.transcript)

    def _hear(self, upload: Upload, job: Job, measures: Measures) -> Transcript:
        limit = self._settings.max_upload_bytes
        if upload.size > limit:
            size, expected = f"{upload.size} bytes", f"at most {limit} bytes"
            raise TooLarge("the recording is too large", code="upload_too_large", value=size, expected=expected)
        # Without a name in the file system: nothing is left of it, whatever ends this process.
        with tempfile.TemporaryFile() as file:
            pin = {"version_id": upload.version_id, "etag": upload.etag}
            with _disk():
                self._recordings.download(upload.key, **pin, to=file, limit=limit, progress=job.progress)
            with self._clock.running(measures):
                recording = self._decode(Path(f"/proc/self/fd/{file.fileno()}"))
                measures.audio = recording.duration
                job.progress()
                return self._engine.transcribe(recording, progress=job.progress)

    def _complete(self, upload: Upload, places: Places, stored: bytes) -> None:
        """Add what is rendered from a stored transcript, and let `latest` point to it unless it points beyond."""
        transcript = results.read_transcript(stored)
        for form, key in places.renderings.items():
            rendering = render(transcript, form) + "\n"
            self._transcripts.write(key, rendering.encode(), content_type=CONTENT_TYPES[form])
        document, moved = results.latest_document(upload), False
        while not moved:
            known = self._transcripts.read(places.latest)
            if known and not upload.follows(results.read_recording(known[0])):
                return
            # Another worker may have moved it meanwhile: then look again.
            moved = self._transcripts.write(places.latest, document, content_type=JSON, over=known[1] if known else "")

    def _read(self, key: str) -> bytes | None:
        found = self._transcripts.read(key)
        return found[0] if found else None

    @contextmanager
    def _in_work(self, job: Job) -> Iterator[None]:
        """Count a job among those in hand; while there is one, this task is protected."""
        with self._lock:
            self._jobs.add(job)
            if len(self._jobs) == 1:
                self._protect()
        try:
            yield
        finally:
            with self._lock:
                self._jobs.discard(job)
                if not self._jobs:
                    self._protect(wanted=False)

    def _in_hand(self) -> list[Job]:
        with self._lock:
            return list(self._jobs)

    def _beat(self) -> None:
        """Keep the messages whose work goes on, and the task that does it."""
        jobs = self._in_hand()
        if jobs:
            self._protect()
        for job in jobs:
            try:
                self._queue.hide(job.delivery, seconds=self._settings.visibility_timeout_seconds)
                self._mark_running(job)
            except ReceiptGone:
                log("lost", job=job.delivery.identity)
                job.dropped = True
            except RetryLater as fault:
                log("no heartbeat", code=fault.code, job=job.delivery.identity)

    def _hand_back(self, *, unless_done_in: float) -> None:
        """Give the messages back whose work takes more seconds than that: another worker takes them at once."""
        for job in self._in_hand():
            if not job.dropped and not (unless_done_in > 0 and job.fits(unless_done_in)):
                job.dropped = True
                log("handed back", job=job.delivery.identity, share=round(job.share, 2))
                self._return(job, seconds=0)

    def _return(self, job: Job, *, seconds: int) -> None:
        # Where this fails, the message comes back by itself after the visibility timeout.
        try:
            self._queue.hide(job.delivery, seconds=seconds)
        except (ReceiptGone, RetryLater) as fault:
            log("not returned", fault=type(fault).__name__, job=job.delivery.identity)

    def _protect(self, *, wanted: bool = True) -> None:
        # Renewed with each heartbeat, so that the protection of a worker that hangs runs out.
        minutes = ceil(self._settings.visibility_timeout_seconds / 60) + 1 if wanted else 0
        if self._protection and not self._protection.protect(minutes=minutes):
            log("no protection", wanted=wanted)

    def _mark_running(self, job: Job) -> None:
        with job.marking:
            if job.upload:
                document = results.running_document(
                    job.upload,
                    worker=self._name,
                    attempt=job.delivery.receives,
                    started=job.since,
                    at=_now(),
                    share=job.share,
                )
                self._transcripts.put(Places(job.upload).running, document, content_type=JSON)


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        retry = MAX_BACKOFF_SECONDS
        raise RetryLater("no space left to download into", code="disk_full", retry_after_seconds=retry) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
