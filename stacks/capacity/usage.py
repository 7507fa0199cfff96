"""What recordings cost beside the time of tasks: storage, logs, requests and metrics, in dollars."""

from stacks.capacity.disk import TELEPHONE_BYTES_PER_SECOND
from stacks.capacity.prices import Prices
from stacks.capacity.workload import Workload

GB = 1e9
DAYS_PER_MONTH = 365 / 12
# Of WAV as telephone systems record it, for each channel.
RECORDING_BYTES_PER_SECOND = TELEPHONE_BYTES_PER_SECOND / 2
# docs/capacity.md says how both were measured.
TRANSCRIPT_BYTES_PER_SECOND = 280
LOG_BYTES_PER_CALL = 1000
# Upload, marker, result and newest result; recording, newest result and result.
PUTS_PER_CALL, GETS_PER_CALL = 4, 3
# Sent, received, kept in hand, deleted.
MESSAGES_PER_CALL = 4
# Metrics in alarms, which a test counts, and those that the service writes (docs/stacks/monitoring.md).
ALARM_METRICS, CUSTOM_METRICS = 60, 20


def usage_of(
    prices: Prices,
    *,
    calls: float,
    audio_hours: float,
    channels: int,
    recording_days: float,
    transcript_days: float,
) -> dict[str, float]:
    """Dollars that recordings cost until the last of them and of their transcripts has expired, by kind of usage.

    Args:
        prices: of the region.
        calls: number of recordings.
        audio_hours: of all of them.
        channels: of each.
        recording_days: how long a recording is kept.
        transcript_days: likewise, a transcript.
    """
    price, seconds = prices.usage, audio_hours * 3600
    recordings = seconds * RECORDING_BYTES_PER_SECOND * channels / GB
    transcripts = seconds * TRANSCRIPT_BYTES_PER_SECOND / GB
    logs = calls * LOG_BYTES_PER_CALL / GB
    storage = price["storage_gb_month"] / DAYS_PER_MONTH
    requests = calls * (PUTS_PER_CALL * price["thousand_puts"] + GETS_PER_CALL * price["thousand_gets"]) / 1000
    return {
        "recordings": recordings * recording_days * storage,
        "transcripts": transcripts * transcript_days * storage,
        # They are kept for cents.
        "logs": logs * price["log_gb"],
        "requests": requests + calls * MESSAGES_PER_CALL * price["million_messages"] / 1e6,
    }


def usage_per_month(
    prices: Prices, *, workload: Workload, recording_days: float, transcript_days: float
) -> dict[str, float]:
    """Dollars a month for each kind of usage.

    As much expires as arrives: a month pays what its recordings cost until they have expired.
    """
    own = usage_of(
        prices,
        calls=workload.calls * workload.batches_per_month,
        audio_hours=workload.audio_hours_per_month,
        channels=workload.channels,
        recording_days=recording_days,
        transcript_days=transcript_days,
    )
    metrics = ALARM_METRICS * prices.usage["alarm_metric_month"] + CUSTOM_METRICS * prices.usage["custom_metric_month"]
    return own | {"alarms and metrics": metrics}
