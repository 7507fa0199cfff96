"""The queue's loop: receive a message, save its results, and only then delete it.

Each lane works on one message at a time; the lanes share one engine, so that the cores stay busy while another lane
downloads or saves. However and whenever a worker ends, each message that it had in hand returns to the queue for
another worker, which finds the results that were saved by then and does not make them again.
"""

import random
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from threading import Event, Lock, Thread

from service.batch import events
from service.batch.events import ReceiptGone, Upload
from service.batch.lease import Lease
from service.batch.ports import ProtectionAgent, ReceivingQueue
from service.batch.protection import TaskProtection
from service.batch.publication import Publication
from service.batch.session import Phase, Session
from service.engine.engine import Cancelled
from service.errors import RetryLater
from service.settings import Settings
from service.telemetry import labelled, log, request_id

# A long poll cannot be interrupted, so an idle worker takes this long to stop. An empty answer every second costs less
# than a dollar a month for each task.
POLL_SECONDS = 1
WATCH_SECONDS = 0.2
# Reserved from the stop timeout for saving and returning messages.
STOP_MARGIN_SECONDS = 10
MAX_BACKOFF_SECONDS = 900
HUNG = 1


class Worker:
    """Works through a queue until it is told to stop."""

    def __init__(
        self,
        *,
        queue: ReceivingQueue,
        publication: Publication,
        agent: ProtectionAgent | None,
        settings: Settings,
    ) -> None:
        self._queue, self._publication, self._settings = queue, publication, settings
        # Outlasts a heartbeat that comes late.
        minutes = ceil(settings.visibility_timeout_seconds / 60) + 1
        self._protection = TaskProtection(agent, minutes=minutes)
        self._session = Session(
            seconds=settings.session_seconds,
            receiving_seconds=settings.receiving_seconds,
            rest_seconds=settings.rest_seconds,
        )
        self._resting = False
        self._lock = Lock()
        self._leases: set[Lease] = set()
        # A decoder ends itself after its own time limit, and a batch takes less than the visibility timeout. No progress
        # for longer than both: the lease hangs.
        self._patience = settings.decode_timeout_seconds + settings.visibility_timeout_seconds

    def run(self, stopping: Event) -> int:
        """Work until `stopping` is set, then finish what fits into the stop timeout and return the other messages.

        Returns:
            0, or `HUNG` if a lease made no progress: only the end of the process can end its work.
        """
        self._protection.start()
        lanes = [Thread(target=self._lane, args=(stopping,), daemon=True) for _ in range(self._settings.lanes)]
        for lane in lanes:
            lane.start()
        beat = time.monotonic() + self._settings.heartbeat_seconds
        due = time.monotonic() + self._settings.report_seconds
        last_second = 0.0
        while any(lane.is_alive() for lane in lanes):
            time.sleep(WATCH_SECONDS)
            now = time.monotonic()
            self._rest()
            if now > beat:
                self._beat()
                beat = now + self._settings.heartbeat_seconds
            if now > due:
                self._publication.report(self._held())
                due = now + self._settings.report_seconds
            if any(now - lease.moved > self._patience for lease in self._held()):
                log("hung", seconds=self._patience)
                self._return_unfinished(unless_done_in=0)
                return HUNG
            if stopping.is_set():
                last_second = last_second or now + self._settings.stop_timeout_seconds - STOP_MARGIN_SECONDS
                self._return_unfinished(unless_done_in=last_second - now)
                if now > last_second:
                    break
        self._protection.settle()
        log("stopped")
        return 0

    def _lane(self, stopping: Event) -> None:
        while not stopping.is_set():
            with self._session.turn() as admitted:
                if admitted and not self._protection.blocked:
                    self._take(stopping)
                    continue
            stopping.wait(WATCH_SECONDS)

    def _take(self, stopping: Event) -> None:
        """Wait for a message for a moment, and work on it."""
        try:
            message = self._queue.receive(wait_seconds=POLL_SECONDS)
        except RetryLater as fault:
            log("cannot receive", code=fault.code)
            stopping.wait(fault.retry_after_seconds)
            return
        if message is None:
            return
        lease = Lease(message, deadline_seconds=self._settings.job_deadline_seconds)
        if stopping.is_set():
            self._return(lease, seconds=0)
            return
        token = request_id.set(message.identity)
        named = labelled(message_id=message.identity)
        with named, self._session.work(), self._holding(lease), self._protection.held():
            self._handle(lease)
        request_id.reset(token)

    def _rest(self) -> None:
        """Leave the task unprotected between two sessions, so that ECS can stop it."""
        resting = self._session.phase() is Phase.RESTING
        if resting and not self._resting:
            log("resting", seconds=self._settings.rest_seconds, unfinished=len(self._held()))
        self._resting = resting
        self._protection.lift(lifted=resting)

    def _handle(self, lease: Lease) -> None:
        """Publish the uploads of a message, then delete it; return it if any of them has to wait."""
        message = lease.message
        try:
            self._publish_all(events.uploads(message.body, bucket=self._settings.recordings_bucket), lease)
            self._queue.delete(message)
        except events.UnknownMessage as error:
            # Returned at once, so that it soon waits among the dead letters for a person to look at it.
            log("unknown message", reason=str(error))
            self._return(lease, seconds=0)
        except RetryLater as error:
            pause = pause_seconds(message.receives, at_least=error.retry_after_seconds)
            log("will be tried again", code=error.code, receives=message.receives, after_seconds=pause)
            self._return(lease, seconds=pause)
        except (Cancelled, ReceiptGone):
            log("abandoned", receives=message.receives)
        except Exception as error:  # noqa: BLE001 - a defect ends in the dead letters, not in a dead lane
            # The traceback without the exception's text, which might name the recording.
            where = traceback.format_tb(error.__traceback__)
            log("failed", error=type(error).__name__, where=where, receives=message.receives)
            self._return(lease, seconds=pause_seconds(message.receives))

    def _publish_all(self, uploads: Sequence[Upload], lease: Lease) -> None:
        """Try each upload of a message, so that one that has to wait does not hold up the others.

        An object that is no recording by its key needs no work: S3's own notifications announce every object, and a
        filter may be newer than a message.

        Raises:
            RetryLater: the fault that asks for the longest delay.
        """
        faults = []
        admitted = [upload for upload in uploads if self._settings.key_filter.admits(upload.key)]
        if ignored := len(uploads) - len(admitted):
            log("ignored", uploads=ignored)
        for upload in admitted:
            try:
                self._publication.publish(upload, lease)
            except RetryLater as fault:
                faults.append(fault)
        if len(admitted) > 1:
            # The lines to come are about all of them.
            request_id.set(lease.message.identity)
        if faults:
            raise max(faults, key=lambda fault: fault.retry_after_seconds)

    @contextmanager
    def _holding(self, lease: Lease) -> Iterator[None]:
        """Count a lease among those in hand, which heartbeats and shutdown look after."""
        with self._lock:
            self._leases.add(lease)
        try:
            yield
        finally:
            with self._lock:
                self._leases.discard(lease)

    def _held(self) -> list[Lease]:
        with self._lock:
            return list(self._leases)

    def _beat(self) -> None:
        """Keep the messages in hand hidden, and the task that works on them protected."""
        self._protection.renew()
        for lease in self._held():
            try:
                self._queue.hide(lease.message, seconds=self._settings.visibility_timeout_seconds)
                self._publication.show(lease)
            except ReceiptGone:
                log("lease lost", **lease.names)
                lease.dropped = True
            except RetryLater as fault:
                log("heartbeat failed", code=fault.code, **lease.names)

    def _return_unfinished(self, *, unless_done_in: float) -> None:
        """Return the messages whose work needs more seconds than that, so that another worker takes them at once."""
        for lease in self._held():
            if not lease.dropped and not (unless_done_in > 0 and lease.fits(unless_done_in)):
                lease.dropped = True
                log("returned", **lease.names, share=round(lease.share, 2))
                self._return(lease, seconds=0)

    def _return(self, lease: Lease, *, seconds: int) -> None:
        # If this fails, the message returns by itself after the visibility timeout.
        try:
            self._queue.hide(lease.message, seconds=seconds)
        except (ReceiptGone, RetryLater) as fault:
            log("not returned", fault=type(fault).__name__, **lease.names)


def pause_seconds(receives: int, *, at_least: int = 0) -> int:
    """How long a message waits before its next attempt: the longer of exponential backoff and the error's own delay.

    Both are spread at random, so that messages that failed together do not return together.
    """
    backoff = min(MAX_BACKOFF_SECONDS, 10 * 2.0**receives) * random.uniform(0.5, 1)  # noqa: S311 - no secret
    return ceil(max(backoff, at_least * random.uniform(1, 1.25)))  # noqa: S311 - no secret
