"""Transient faults: the same request works later, and each error says how much later."""

from service.errors.tree import RetryLater


class Busy(RetryLater):
    """Every slot is taken."""

    code = "busy"
    message = "every slot is taken"
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
    expected = "a shorter recording, another time, or a recording in the recordings bucket"
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
