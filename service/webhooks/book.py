"""The webhooks of jobs as they are stored: one document beside that of each job that has one, in the transcripts bucket."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import uuid4

from service.contract import WEBHOOK_RETENTION_SECONDS
from service.webhooks.target import Target, read_target

JSON = "application/json"


class WebhookState(StrEnum):
    """The state of a job's webhook."""

    PENDING = "pending"  # the job has not ended, or the receiver has not accepted it yet
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"  # the last attempt failed
    EXPIRED = "expired"  # the job did not end while it was watched


class Documents(Protocol):
    """The transcripts bucket as webhooks see it; each method may raise `RetryLater`, and blocks."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and its entity tag; None if there is no such object."""

    def write(self, key: str, body: bytes, *, content_type: str, over: str = "") -> bool:
        """Create an object, or replace the one with the entity tag `over`; False if another writer was first."""


class SendingQueue(Protocol):
    """The queue of webhooks as whoever asks for one sees it; it may raise `RetryLater`."""

    def send(self, body: str) -> None:
        """Put a message on the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook as it is stored.

    Attributes:
        id: begins the ids that its receiver sees; another one each time that it begins again.
        asked: when that was, ISO 8601.
        attempts: at the present news of the job.
        told: the last state of the job that the receiver has accepted; empty if there is none.
        news: the state of the job that it is to be told; empty until there is one.
        since: when that state was seen, ISO 8601.
        at: time of the last attempt; empty if there is none.
        error: why that failed, as a stable code; empty if it did not.
    """

    id: str
    url: str
    asked: str
    state: WebhookState = WebhookState.PENDING
    attempts: int = 0
    told: str = ""
    news: str = ""
    since: str = ""
    at: str = ""
    error: str = ""

    @property
    def target(self) -> Target:
        """The parts of its URL."""
        return read_target(self.url, ports=range(65_536))

    def facts(self) -> dict[str, Any]:
        """As the caller of its job sees it; of the URL the host only, because the rest may hold the receiver's secrets."""
        shown = {"state": self.state, "host": self.target.host, "attempts": self.attempts}
        return shown | {name: value for name in ("told", "at", "error") if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A webhook with the entity tag of its document."""

    webhook: Webhook
    tag: str


class WebhookBook:
    """The webhooks of jobs; every method blocks."""

    def __init__(self, *, documents: Documents, queue: SendingQueue) -> None:
        self._documents, self._queue = documents, queue

    def ask(self, job: str, url: str, *, begun: bool) -> None:
        """Ask for a job's webhook; once more changes nothing, unless that one has failed. Another URL replaces the first.

        Args:
            job: the job's id.
            url: that was checked.
            begun: the job is on its way or has ended; otherwise a webhook that was delivered was one of an earlier run.
        """
        accepted = False
        while not accepted:
            found = self.find(job)
            if found and found.webhook.url == url and _stands(found.webhook, begun=begun):
                return
            webhook = Webhook(id=f"msg_{uuid4().hex}", url=url, asked=now())
            # The message first: a document without one would never be looked at. A message without a document is dropped.
            self._queue.send(json.dumps({"job": job, "webhook": webhook.id}))
            accepted = self.note(job, webhook, over=found.tag if found else "")

    def find(self, job: str) -> Stored | None:
        """A job's webhook; None if it has none."""
        if not (found := self._documents.read(_key(job))):
            return None
        facts = json.loads(found[0])
        return Stored(webhook=Webhook(**facts | {"state": WebhookState(facts["state"])}), tag=found[1])

    def note(self, job: str, webhook: Webhook, *, over: str) -> bool:
        """Store a job's webhook over the document with an entity tag; False if that is another one by now, or gone."""
        return self._documents.write(_key(job), json.dumps(asdict(webhook)).encode(), content_type=JSON, over=over)


def now() -> str:
    """The time as documents give it: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def told(webhook: Webhook, *, news: str, error: str) -> Webhook:
    """A webhook after an attempt at some news."""
    attempted = replace(webhook, attempts=webhook.attempts + 1, at=now(), error=error)
    return attempted if error else replace(attempted, told=news)


def _stands(webhook: Webhook, *, begun: bool) -> bool:
    """Whether it need not begin again."""
    if webhook.state is WebhookState.PENDING:
        age = datetime.now(UTC) - datetime.fromisoformat(webhook.asked)
        # Beyond, its message has expired, as after days without a task.
        return age < timedelta(seconds=WEBHOOK_RETENTION_SECONDS)
    return begun and webhook.state is WebhookState.DELIVERED


def _key(job: str) -> str:
    return f"jobs/{job}.webhook.json"
