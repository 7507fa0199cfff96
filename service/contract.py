"""The names that the service and the stacks must agree on, besides its settings; standard library only."""

from enum import StrEnum

# Paths that load balancers and container health checks request.
LIVE_PATH = "/healthz"
READY_PATH = "/readyz"
# The path that Prometheus requests.
METRICS_PATH = "/metrics"

# The environment variable that holds the URI of the agent beside a task; ECS sets it.
AGENT_VARIABLE = "ECS_AGENT_URI"

# OpenTelemetry's name for the URL of the collector that traces are sent to.
OTLP_ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"

# The metadata of an uploaded recording that names the request it came with; S3's headers have `x-amz-meta-` in front.
REQUEST_ID_METADATA, TRACE_METADATA = "request-id", "traceparent"

# Settings and options name objects and folders in S3 with this scheme.
S3_SCHEME = "s3://"

METRIC_NAMESPACE = "WhisperFargate"
METRIC_DIMENSIONS = ("Environment", "Service")
OUTCOME_DIMENSION = "Outcome"


class Metric(StrEnum):
    """The measurements of each call, by their names in CloudWatch."""

    LATENCY = "Latency"
    QUEUE_WAIT = "QueueWait"
    AUDIO_SECONDS = "AudioSeconds"
    # Processing time over audio time.
    REAL_TIME_FACTOR = "RealTimeFactor"
    # In US dollars of task time.
    COST = "Cost"
    CALLS = "Calls"


class Gauge(StrEnum):
    """What a worker tells about the backlog while it runs; stacks multiply the averages by the queue's counts."""

    # Mean seconds of audio of a recording, over those that it received lately.
    CALL_SECONDS = "CallSeconds"
    # Seconds of audio that are left of a message in hand.
    REST_SECONDS = "RestSeconds"
    # Seconds of audio that it transcribes in a second of work.
    PACE = "Pace"


class Check(StrEnum):
    """The scheduled checks, as the dimension `Service` of their metrics."""

    CANARY = "canary"
    RECONCILE = "reconcile"


class CheckMetric(StrEnum):
    """The measurements of the scheduled checks, by their names in CloudWatch."""

    # Of a golden call: 1 if it came back with its words, else 0; and after how many seconds.
    PASSED = "CanaryPassed"
    SECONDS = "CanarySeconds"
    # Recordings that have no result, and no message that could bring one.
    LOST = "LostRecordings"


class WebhookMetric(StrEnum):
    """The counts of the webhooks of jobs, by their names in CloudWatch."""

    DELIVERED = "WebhooksDelivered"
    ATTEMPTS_FAILED = "WebhookAttemptsFailed"
    GIVEN_UP = "WebhooksGivenUp"


# A webhook's message: for how long it is hidden from other tasks while one works on it, how often it may be received, which
# it is for each look at its job and for each attempt, and for how long the queue keeps it.
WEBHOOK_VISIBILITY_SECONDS = 120
WEBHOOK_MAX_RECEIVES = 500
WEBHOOK_RETENTION_SECONDS = 10 * 24 * 3600


class Outcome(StrEnum):
    """How a call ended."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"  # transcribed, but some of the recording was missing
    UNHEARD = "unheard"  # transcribed, but speech, or a sound like speech, gave no words
    REFUSED = "refused"  # the request or the recording is at fault
    BUSY = "busy"  # no slot is free, or the task is stopping
    STORAGE_FAULT = "storage_fault"  # S3 or SQS is unreachable, or denies the request
    DISK_FULL = "disk_full"
    DEADLINE = "deadline"  # the job took longer than its deadline
    CANCELLED = "cancelled"  # the caller has gone, or the message was returned or taken over
    FAILED = "failed"  # a defect of the service
