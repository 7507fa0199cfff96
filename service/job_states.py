"""The states of jobs as their callers see them; standard library only."""

from enum import StrEnum


class JobState(StrEnum):
    """The state of a job, for its caller."""

    AWAITING_UPLOAD = "awaiting_upload"
    EXPIRED = "expired"  # the upload did not come in time, or the lifecycles of the buckets removed all of it
    WAITING = "waiting"
    RUNNING = "running"
    LATE = "late"  # no result by the deadline; one may still come
    DONE = "done"
    PARTIAL = "partial"
    UNHEARD = "unheard"
    FAILED = "failed"


TRANSCRIBED = frozenset({JobState.DONE, JobState.PARTIAL, JobState.UNHEARD})
ENDED = TRANSCRIBED | {JobState.FAILED}
FOR_UPLOAD = frozenset({JobState.AWAITING_UPLOAD, JobState.EXPIRED})
