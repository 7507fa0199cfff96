"""Transient faults: the same request works later, and each error says how much later."""

from service.errors.tree import RetryLater


class Busy(RetryLater):
    """The queue is full: a call would have to wait for too long, or too many requests are under way."""

    code = "busy"
    message = "the queue is full"
    retry_after_seconds: int


class TooManyRequests(RetryLater):
    """One address has more requests under way than it may have."""

    status = 429
    code = "too_many_requests"
    message = "more than {limit} requests at once from one address"
    retry_after_seconds = 1
    limit: int


class RateExceeded(RetryLater):
    """A caller sends more requests a minute than it may."""

    status = 429
    code = "rate_limit_exceeded"
    message = "more than {limit} requests a minute"
    limit: int
    retry_after_seconds: int


class ShareExceeded(RetryLater):
    """A caller has as much audio in the queue as its key may have."""

    status = 429
    code = "rate_limit_exceeded"
    message = "more than {limit} s of audio in the queue for one key"
    limit: int
    retry_after_seconds: int


class Draining(RetryLater):
    """The service finishes what it accepted and then stops; another task takes the request."""

    code = "draining"
    message = "the service is stopping"
    retry_after_seconds = 1


class DiskFull(RetryLater):
    """The disk is full; `purpose` is the verb that fails for it."""

    code = "disk_full"
    message = "no space left to {purpose} into"
    retry_after_seconds = 60
    purpose: str


class DeadlineExceeded(RetryLater):
    """A job took longer than its deadline."""

    code = "deadline"
    message = "the job takes too long"
    retry_after_seconds = 900


class AnswerTooLate(DeadlineExceeded):
    """A call over HTTP took longer than its deadline."""

    message = "the call takes longer than {limit} s"
    expected = "a shorter recording, another time, or a job (POST /jobs)"
    retry_after_seconds = 60
    limit: int


class AwsUnavailable(RetryLater):
    """AWS, or the network on the way to it, does not answer a request about `resource`."""

    code = "{resource}_unavailable"
    message = "AWS does not answer as it should ({resource}_unavailable: {reason})"
    retry_after_seconds = 20
    resource: str
    reason: str


class AwsDenied(RetryLater):
    """AWS denies this task a request about `resource`, until its permissions are corrected."""

    code = "{resource}_denied"
    message = "AWS does not answer as it should ({resource}_denied: {reason})"
    retry_after_seconds = 20
    resource: str
    reason: str
