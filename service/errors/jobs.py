"""Requests about jobs that cannot be met as they are."""

from collections.abc import Sequence

from service.errors.tree import InvalidField, RequestError


class JobsUnavailable(RequestError):
    """The service has no buckets, as on a developer's machine."""

    status = 404
    code = "jobs_unavailable"
    message = "this service takes no jobs"
    expected = "a service with WHISPER_RECORDINGS_BUCKET and WHISPER_TRANSCRIPTS_BUCKET"


class BatchUnavailable(RequestError):
    """The service has no queue or no bucket, as on a developer's machine."""

    status = 404
    code = "batch_unavailable"
    message = "this service has no batch"
    expected = "a service with WHISPER_QUEUE_URL and WHISPER_TRANSCRIPTS_BUCKET"


class JobNotFound(RequestError):
    """There is no job with this id, or there is none any more."""

    status = 404
    code = "job_not_found"
    message = "there is no such job"
    field = "id"
    expected = "an id that POST /jobs has given, of a job that was not deleted"


class JobRunning(RequestError):
    """A worker has the recording already, and will write its results once more."""

    status = 409
    code = "job_running"
    message = "a worker is transcribing the recording"
    field = "id"
    expected = "the same request again when the job has ended; its recording is deleted already"


class InvalidJob(InvalidField):
    """The body of a new job is not as described."""

    code = "invalid_job"
    message = "the job cannot be read"
    field: str
    expected: str
    value: str = ""


class RecordingOutOfReach(RequestError):
    """The key of the caller is for other recordings; whether there is such a one is left open."""

    status = 403
    code = "recording_out_of_reach"
    message = "the API key is not for this recording"
    field = "key"
    expected = "a recording whose key begins with {prefixes}"
    prefixes: Sequence[str]


class NoSuchRecording(RequestError):
    """The recordings bucket has no such key."""

    status = 404
    code = "recording_not_found"
    message = "the recordings bucket has no such key"
    field = "key"
    expected = "the key of an object in the recordings bucket"
