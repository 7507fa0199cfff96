"""The parts of the API that AWS backs: none without their settings, and no half of webhooks."""

from io import StringIO

import pytest

from service.api_parts import batch_desk, job_desk, key_reader, sending_webhooks
from service.settings import SettingError, Settings
from service.telemetry import Meter

METER = Meter(environment="test", service="api", stream=StringIO())


def test_service_without_settings_of_aws_has_no_such_parts() -> None:
    """A developer's machine needs no credentials."""
    settings = Settings()
    assert (key_reader(settings), job_desk(settings), batch_desk(settings)) == (None, None, None)
    with sending_webhooks(settings, None, meter=METER):
        pass


@pytest.mark.parametrize(
    ("missing", "given"),
    [
        ("WHISPER_RECORDINGS_BUCKET", {"transcripts_bucket": "t", "webhook_secret": "arn"}),
        ("WHISPER_TRANSCRIPTS_BUCKET", {"recordings_bucket": "r", "webhook_secret": "arn"}),
        ("WHISPER_WEBHOOK_SECRET", {"recordings_bucket": "r", "transcripts_bucket": "t"}),
    ],
)
def test_webhooks_need_jobs_and_a_secret(missing: str, given: dict[str, str]) -> None:
    """The start stops and names the setting, rather than taking webhooks that are never sent."""
    settings = Settings(webhook_queue_url="https://sqs.example.com/1/q", **given)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=missing):
        sending_webhooks(settings, None, meter=METER)
