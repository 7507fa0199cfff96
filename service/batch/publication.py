"""From an upload to its results: download, decode, transcribe, write once, render, move `latest`."""

import errno
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from service import telemetry, tracing
from service.batch import results
from service.batch.backlog import Backlog
from service.batch.events import Upload
from service.batch.lease import Lease, now
from service.batch.ports import RecordingStore, ResultStore, Transcriber
from service.batch.results import ResultKeys
from service.contract import Outcome
from service.engine.engine import Cancelled
from service.errors import DiskFull, RecordingTooLarge, RequestError, RetryLater
from service.recording import Decode, Recording
from service.settings import Settings
from service.telemetry import Measures, Meter, SharedClock, labelled, log
from service.transcript import Transcript, render

CONTENT_TYPES = {"vtt": "text/vtt; charset=utf-8", "text": "text/plain; charset=utf-8"}
JSON = "application/json"


class Publication:
    """Gives each upload a transcript, or a reason why it has none; both are found again, never made twice."""

    def __init__(
        self,
        *,
        engine: Transcriber,
        decode: Decode,
        recordings: RecordingStore,
        transcripts: ResultStore,
        meter: Meter,
        settings: Settings,
    ) -> None:
        self._engine, self._decode, self._meter, self._settings = engine, decode, meter, settings
        self._recordings, self._transcripts = recordings, transcripts
        self._clock = SharedClock()
        self._backlog = Backlog()
        self._worker = socket.gethostname()

    def publish(self, upload: Upload, lease: Lease) -> None:
        """See to it that every result of an upload is stored.

        Raises:
            RetryLater: something other than the recording is at fault.
            Cancelled: the lease was dropped.
        """
        lease.audio, lease.upload = None, upload
        self._identify(lease, upload.version)
        # However often it is received, a version has one trace, which its operator can tell from the version.
        trace, sent = upload.version, lease.message.sent
        with (
            labelled(version=upload.version),
            tracing.span("recording", kind="consumer", trace=trace, began=sent, attempt=lease.message.receives) as span,
        ):
            tracing.ended("receive", seconds=max(0.0, time.time() - sent))
            try:
                self._publish(upload, lease, span)
            except RetryLater as fault:
                # If this fails, too, the document still tells the number of the attempt.
                with suppress(RetryLater):
                    self.show(lease, error=fault)
                raise

    def _publish(self, upload: Upload, lease: Lease, span: tracing.Span) -> None:
        keys = ResultKeys(upload)
        lease.progress()
        stored = self._read(keys.transcript)
        if stored is None and self._read(keys.failure) is None:
            self.show(lease)
            try:
                stored = self._transcribe(upload, keys, lease, span)
            except RequestError as error:
                log("refused", code=error.code)
                span.note(outcome=Outcome.REFUSED)
                document = results.failure_document(upload, error, request_id=lease.request_id, at=now())
                self._transcripts.write(keys.failure, document, content_type=JSON)
        if stored:
            with tracing.span("publish"):
                self._complete(upload, keys, stored)
        with lease.marking:
            lease.upload = None
        # Whichever worker wrote it: one that was killed cannot delete its own.
        self._transcripts.delete(keys.running)

    def show(self, lease: Lease, *, error: RetryLater | None = None) -> None:
        """Show people which upload a lease is working on, and its progress; or the error that has ended its work."""
        with lease.marking:
            if lease.upload:
                document = results.running_document(
                    lease.upload,
                    worker=self._worker,
                    attempt=lease.message.receives,
                    request_id=lease.request_id,
                    started=lease.since,
                    at=now(),
                    share=lease.share,
                    error=error,
                )
                self._transcripts.put(ResultKeys(lease.upload).running, document, content_type=JSON)
                if error:
                    # No heartbeat may show it as running any more.
                    lease.upload = None

    def report(self, leases: Sequence[Lease]) -> None:
        """Publish what this worker knows about the backlog, given the messages that it has in hand."""
        if known := self._backlog.gauges(leases):
            self._meter.gauge(known)

    def _identify(self, lease: Lease, request_id: str) -> None:
        """Have the log and the results of a lease's upload name this request."""
        lease.request_id = request_id
        telemetry.request_id.set(request_id)

    def _transcribe(self, upload: Upload, keys: ResultKeys, lease: Lease, span: tracing.Span) -> bytes | None:
        """Write the transcript of an upload; returns the stored one, which may be another worker's."""
        with self._meter.call() as measures:
            measures.queue_wait = max(0.0, time.time() - lease.message.sent)
            try:
                transcript = self._hear(upload, lease, measures, span)
                lease.progress(1.0)
                document = results.transcript_document(
                    upload,
                    transcript,
                    settings=self._settings,
                    encoder=self._engine.encoder,
                    processing_seconds=measures.processing or 0.0,
                    request_id=lease.request_id,
                    at=now(),
                )
                self._transcripts.write(keys.transcript, document, content_type=JSON)
                measures.outcome = transcript.outcome
            except Cancelled:
                measures.outcome = Outcome.CANCELLED
            span.note(outcome=measures.outcome)
        lease.progress(1.0)
        return self._read(keys.transcript)

    def _hear(self, upload: Upload, lease: Lease, measures: Measures, span: tracing.Span) -> Transcript:
        limit = self._settings.max_upload_bytes
        if upload.size > limit:
            raise RecordingTooLarge(size=upload.size, limit=limit)
        # The file has no name: nothing of it remains, however this process ends.
        with tempfile.TemporaryFile() as file:
            pin = {"version_id": upload.version_id, "etag": upload.etag}
            with _disk(), tracing.span("download"):
                metadata = self._recordings.download(upload.key, **pin, to=file, limit=limit, progress=lease.progress)
            origin = tracing.Origin.read(metadata)
            self._identify(lease, origin.request_id or upload.version)
            span.link(origin.traceparent)
            with self._clock.running(measures):
                with tracing.span("decode"):
                    recording = self._decode(file, name=upload.key)
                measures.audio = lease.audio = recording.duration
                self._backlog.decoded(upload, recording.duration)
                span.note(audio_seconds=recording.duration, channels=recording.channels)
                lease.progress()
                transcript = self._heard(recording, lease)
        self._backlog.transcribed(recording.duration, processing_seconds=measures.processing or 0.0)
        return transcript

    def _heard(self, recording: Recording, lease: Lease) -> Transcript:
        def progress(share: float) -> None:
            if share > lease.share:
                span.event("progress", share=share)
            lease.progress(share)

        with tracing.span("transcribe") as span:
            return self._engine.transcribe(recording, progress=progress)

    def _complete(self, upload: Upload, keys: ResultKeys, stored: bytes) -> None:
        """Render a stored transcript, say if it is incomplete, and move `latest` to it unless that is newer."""
        transcript = results.read_transcript(stored)
        for form, key in keys.renderings.items():
            rendering = render(transcript, form) + "\n"
            self._transcripts.write(key, rendering.encode(), content_type=CONTENT_TYPES[form])
        if state := results.incomplete_state(transcript):
            document = results.incomplete_document(upload, stored)
            self._transcripts.write(keys.of(state), document, content_type=JSON)
        pointer, moved = results.latest_document(upload), False
        while not moved:
            known = self._transcripts.read(keys.latest)
            if known and not upload.follows(results.read_upload(known[0])):
                return
            # If another worker has moved it since the read, the condition fails: read again.
            moved = self._transcripts.write(keys.latest, pointer, content_type=JSON, over=known[1] if known else "")

    def _read(self, key: str) -> bytes | None:
        found = self._transcripts.read(key)
        return found[0] if found else None


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DiskFull(purpose="download") from error
