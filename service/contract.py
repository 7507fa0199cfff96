"""The words that the service and the stacks must agree on, beside its settings; standard library only."""

from enum import StrEnum

# Paths that load balancers and container health checks ask for.
LIVE_PATH = "/healthz"
READY_PATH = "/readyz"

# The environment variable in which ECS gives a task the address of its agent.
AGENT_VARIABLE = "ECS_AGENT_URI"

# How a setting or an option names an object or a folder in S3.
S3_SCHEME = "s3://"

METRIC_NAMESPACE = "WhisperFargate"
METRIC_DIMENSIONS = ("Environment", "Service")
OUTCOME_DIMENSION = "Outcome"


class Metric(StrEnum):
    """What the service measures of each call, by the name that CloudWatch knows it under."""

    LATENCY = "Latency"
    QUEUE_WAIT = "QueueWait"
    AUDIO_SECONDS = "AudioSeconds"
    # Processing time over audio time.
    REAL_TIME_FACTOR = "RealTimeFactor"
    # In US dollars of task time.
    COST = "Cost"
    CALLS = "Calls"


class Outcome(StrEnum):
    """How a call ended."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"  # transcribed, but some of the recording was missing
    REFUSED = "refused"  # the caller's mistake
    BUSY = "busy"
    CANCELLED = "cancelled"
    FAILED = "failed"
