"""Tells receivers that jobs have ended: threads beside the HTTP server, which share a queue with those of other tasks.

A message stands for a webhook until its outcome is stored. While the job has not ended, or the receiver has not accepted the
request, the message is hidden for a while; whichever task receives it next goes on. So no webhook depends on a task's life, and
one that is killed between a receiver's answer and the document sends the request once more, under the same id.
"""

import json
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import ceil
from typing import Protocol

from service.contract import WebhookMetric
from service.errors import JobNotFound, RetryLater
from service.job_states import ENDED, JobState
from service.messages import Message, ReceiptGone
from service.telemetry import Meter, log, request_id
from service.webhooks.book import Stored, Webhook, WebhookBook, WebhookState, now, told
from service.webhooks.sender import Sender
from service.webhooks.signature import read_secrets, signed_headers

THREADS = 4
# Of a long poll; the longest that SQS has costs the least.
POLL_SECONDS = 20
# The secrets are read again after this time.
SECRET_SECONDS = 60.0
# Looks at a job that has not ended: after a tenth of the time that it has taken so far, within these limits.
LEAST_LOOK_SECONDS, MOST_LOOK_SECONDS = 5, 900
# From the message on; a job that has not ended by then has no result, and a person looks at it.
WATCH_SECONDS = 2 * 24 * 3600
# Between attempts: 10 s, then four times as long each time up to four hours, each a quarter more or less: 16 hours in all.
MAX_ATTEMPTS = 10
FIRST_PAUSE_SECONDS, PAUSE_FACTOR, MAX_PAUSE_SECONDS = 10, 4, 4 * 3600
# A message comes before the document that it is about.
DOCUMENT_SECONDS = 60
# Until another task may understand a message that this one does not.
UNREADABLE_SECONDS = 60


class WebhookQueue(Protocol):
    """The queue of webhooks as a courier sees it; each method may raise `RetryLater`."""

    def receive(self, *, wait_seconds: int) -> Message | None:
        """Wait for one message."""

    def hide(self, message: Message, *, seconds: int) -> None:
        """Hide a message from other receivers. May raise `ReceiptGone`."""

    def delete(self, message: Message) -> None:
        """Delete a message. May raise `ReceiptGone`."""


class Jobs(Protocol):
    """The jobs that webhooks tell of."""

    def state(self, identity: str) -> JobState:
        """The state of a job; raises `JobNotFound`, or `RetryLater`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The job and the webhook that a message is about."""

    job: str
    webhook: str


class Courier:
    """Sends the webhooks of jobs.

    Args:
        read_secrets: the text of the signing secrets; blocks.
    """

    def __init__(
        self,
        *,
        queue: WebhookQueue,
        jobs: Jobs,
        book: WebhookBook,
        sender: Sender,
        read_secret: Callable[[], str],
        meter: Meter,
    ) -> None:
        self._queue, self._jobs, self._book, self._sender, self._meter = queue, jobs, book, sender, meter
        self._read_secret = read_secret
        self._secrets: tuple[bytes, ...] = ()
        self._secrets_read = -SECRET_SECONDS

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send webhooks during the block. A message in hand at its end returns to the queue by itself."""
        stopping = threading.Event()
        for number in range(THREADS):
            # A long poll cannot be interrupted, so the end of the process ends it.
            threading.Thread(target=self._work, args=(stopping,), name=f"courier-{number}", daemon=True).start()
        try:
            yield
        finally:
            stopping.set()

    def _work(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                message = self._queue.receive(wait_seconds=POLL_SECONDS)
            except RetryLater as fault:
                log("cannot receive webhooks", code=fault.code)
                stopping.wait(fault.retry_after_seconds)
                continue
            if message and not stopping.is_set():
                token = request_id.set(message.identity)
                self.handle(message)
                request_id.reset(token)

    def handle(self, message: Message) -> None:
        """Do all that can be done for a message now, and have it come back if that is not all."""
        try:
            again = self._advance(message)
            if again is None:
                self._queue.delete(message)
            else:
                self._queue.hide(message, seconds=again)
        except ReceiptGone:
            log("webhook taken over", receives=message.receives)
        except RetryLater as fault:
            log("webhook will be tried again", code=fault.code, receives=message.receives)
            self._hide(message, seconds=fault.retry_after_seconds)
        except Exception as error:  # noqa: BLE001 -- a defect ends in the dead letters, not in a dead thread
            where = traceback.format_tb(error.__traceback__)
            log("webhook failed", error=type(error).__name__, where=where, receives=message.receives)
            self._hide(message, seconds=UNREADABLE_SECONDS)

    def _hide(self, message: Message, *, seconds: int) -> None:
        # If this fails, the message comes back after the queue's own time.
        with suppress(RetryLater, ReceiptGone):
            self._queue.hide(message, seconds=seconds)

    def _advance(self, message: Message) -> int | None:
        """After how many seconds the message is to come back; None if it is done with."""
        subject, age = Subject(**json.loads(message.body)), time.time() - message.sent
        found = self._book.find(subject.job)
        if not found or found.webhook.id != subject.webhook:
            # Replaced or deleted; or so young that it is not written yet.
            return LEAST_LOOK_SECONDS if age < DOCUMENT_SECONDS else None
        if found.webhook.state is not WebhookState.PENDING:
            return None
        try:
            state = self._jobs.state(subject.job)
        except JobNotFound:
            return None
        if state == found.webhook.told or state not in {*ENDED, JobState.LATE}:
            return self._watch(subject, found, age)
        return self._tell(subject, found, state)

    def _watch(self, subject: Subject, found: Stored, age: float) -> int | None:
        """Wait for news of a job, but not for ever."""
        if age < WATCH_SECONDS:
            return round(min(max(LEAST_LOOK_SECONDS, age / 10), MOST_LOOK_SECONDS))
        state = WebhookState.DELIVERED if found.webhook.told else WebhookState.EXPIRED
        return self._note(subject, found, replace(found.webhook, state=state), again=None)

    def _tell(self, subject: Subject, found: Stored, state: JobState) -> int | None:
        """Make an attempt, and store its outcome."""
        webhook = found.webhook
        if webhook.news != state:
            webhook = replace(webhook, news=state, since=now(), attempts=0)
        body, identity = content(subject.job, webhook), f"{webhook.id}_{webhook.news}"
        headers = signed_headers(self._fresh_secrets(), identity=identity, timestamp=int(time.time()), body=body)
        attempt = self._sender.send(webhook.url, body=body, headers=headers)
        webhook, again = told(webhook, news=state, error=attempt.error), None
        if not attempt.error:
            self._meter.count(WebhookMetric.DELIVERED)
            # A late job may still end.
            if state is JobState.LATE:
                again = LEAST_LOOK_SECONDS
            else:
                webhook = replace(webhook, state=WebhookState.DELIVERED)
        elif attempt.final or webhook.attempts >= MAX_ATTEMPTS:
            webhook = replace(webhook, state=WebhookState.GIVEN_UP)
            self._meter.count(WebhookMetric.GIVEN_UP)
        else:
            self._meter.count(WebhookMetric.ATTEMPTS_FAILED)
            again = max(pause_seconds(webhook.attempts), attempt.pause)
        log("webhook sent", state=webhook.state, attempts=webhook.attempts, error=attempt.error)
        return self._note(subject, found, webhook, again=again)

    def _note(self, subject: Subject, found: Stored, webhook: Webhook, *, again: int | None) -> int | None:
        """Store a webhook; if another task has stored it meanwhile, or someone has replaced it, look at it again."""
        return again if self._book.note(subject.job, webhook, over=found.tag) else LEAST_LOOK_SECONDS

    def _fresh_secrets(self) -> tuple[bytes, ...]:
        """The secrets of now; the last ones if the secret cannot be read, or is wrong, for the moment."""
        if time.monotonic() - self._secrets_read >= SECRET_SECONDS:
            try:
                self._secrets = read_secrets(self._read_secret())
                self._secrets_read = time.monotonic()
            except (RetryLater, ValueError) as error:
                log("webhook secret not read", error=type(error).__name__)
                if not self._secrets:
                    raise
        return self._secrets


def content(job: str, webhook: Webhook) -> bytes:
    """The body of the request: which job is in which state, since when, and where to ask. No word of a call is in it."""
    about = {"id": job, "object": "job", "state": webhook.news, "links": {"self": f"/jobs/{job}"}}
    return json.dumps({"type": f"job.{webhook.news}", "timestamp": webhook.since, "data": about}).encode()


def pause_seconds(attempts: int) -> int:
    """How long to wait after so many attempts; random, so that the webhooks of a receiver that was away do not come at once."""
    backoff = min(FIRST_PAUSE_SECONDS * float(PAUSE_FACTOR) ** (attempts - 1), MAX_PAUSE_SECONDS)
    return ceil(backoff * random.uniform(0.75, 1.25))  # noqa: S311 -- no secret
