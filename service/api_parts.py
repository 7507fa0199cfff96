"""The parts of the API that AWS backs, made from the settings; None for each whose settings are missing."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from service.aws import s3, sqs, vault
from service.http.batch_desk import BatchDesk
from service.http.jobs_desk import JobDesk
from service.settings import SettingError, Settings, variable
from service.telemetry import Meter
from service.webhooks.book import WebhookBook
from service.webhooks.courier import Courier
from service.webhooks.sender import Sender


def key_reader(settings: Settings) -> Callable[[], str] | None:
    """Reads the text of the callers' keys."""
    return vault.Secret(settings.api_keys_secret).read if settings.api_keys_secret else None


def job_desk(settings: Settings) -> JobDesk | None:
    """Takes jobs."""
    if not (settings.recordings_bucket and settings.transcripts_bucket):
        return None
    recordings, transcripts = s3.Bucket(settings.recordings_bucket), s3.Bucket(settings.transcripts_bucket)
    return JobDesk(
        recordings=recordings,
        transcripts=transcripts,
        settings=settings,
        webhooks=_book(settings, transcripts) if settings.webhook_queue_url else None,
    )


def batch_desk(settings: Settings) -> BatchDesk | None:
    """Tells the state of the batch."""
    if not (settings.queue_url and settings.transcripts_bucket):
        return None
    queue, transcripts = sqs.Queue(settings.queue_url), s3.Bucket(settings.transcripts_bucket)
    return BatchDesk(queue=queue, transcripts=transcripts, settings=settings)


def sending_webhooks(settings: Settings, jobs: JobDesk | None, *, meter: Meter) -> AbstractContextManager[None]:
    """Sends the webhooks of jobs during the block, if there are any.

    Raises:
        SettingError: there are webhooks, but no jobs or no secret.
    """
    if not settings.webhook_queue_url:
        return nullcontext()
    for name in ("recordings_bucket", "transcripts_bucket", "webhook_secret"):
        if not getattr(settings, name):
            raise SettingError(variable(name), "", f"a value, because {variable('webhook_queue_url')} is set")
    assert jobs  # noqa: S101 -- the buckets are there
    return Courier(
        queue=sqs.Queue(settings.webhook_queue_url),
        jobs=jobs,
        book=_book(settings, s3.Bucket(settings.transcripts_bucket)),
        sender=Sender(),
        read_secret=vault.Secret(settings.webhook_secret).read,
        meter=meter,
    ).running()


def _book(settings: Settings, transcripts: s3.Bucket) -> WebhookBook:
    return WebhookBook(documents=transcripts, queue=sqs.Queue(settings.webhook_queue_url))
