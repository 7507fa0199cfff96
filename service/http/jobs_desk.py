"""Jobs: recordings that callers hand over to the workers, and the state that their results put them into.

A job is a document in the transcripts bucket, `jobs/ID.json`. Its recording takes the way of every other one (bucket, event,
queue, worker), so its state follows from the keys that the workers write.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from service import errors
from service.access import Caller
from service.errors import InvalidJob, JobNotFound, JobRunning, NoSuchRecording, RecordingOutOfReach, sentence
from service.http.responses import INVALID_REQUEST, SERVER_ERROR, error_facts
from service.job_states import ENDED, FOR_UPLOAD, JobState
from service.result_keys import FOLDERS, INCOMPLETE, ResultKeys, State, folder
from service.settings import Settings
from service.telemetry import log
from service.tracing import Origin
from service.webhooks.book import WebhookBook

JSON = "application/json"
# The validity of links: long enough to send the largest upload, and to fetch a result.
UPLOAD_SECONDS, RESULT_SECONDS = 3600, 300
# Until an upload is announced and the first worker has started.
WAIT_SECONDS = 1800
# No call is sparser: 8 kbit/s, as of G.729 and AMR. So a size says how long a recording is at most.
LEAST_BYTES_PER_SECOND = 1000


class StoredVersion(Protocol):
    """A version of an object in the recordings bucket."""

    @property
    def version(self) -> str:
        """Identifies this version among those of the same key."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def time(self) -> str:
        """When it was written, ISO 8601 in UTC."""


class Bucket(Protocol):
    """A bucket as jobs see it; each method may raise `RetryLater`, and blocks."""

    def current(self, key: str) -> StoredVersion | None:
        """The newest version of an object; None if there is none, or if it was deleted."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and its entity tag; None if there is no such object."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object unconditionally."""

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The keys that start with `prefix`, each with its time of writing."""

    def erase(self, prefix: str) -> None:
        """Delete every version of every object whose key starts with `prefix`, beyond recall."""

    def upload_link(
        self, key: str, *, sha256: bytes, size: int, seconds: int, metadata: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        """A link to put one object with, and the headers that the request must have."""

    def download_link(self, key: str, *, seconds: int) -> str:
        """A link to read an object with."""

    @property
    def origin(self) -> str:
        """The scheme and the host of its links."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is stored.

    Attributes:
        key: of its recording.
        version: of its recording; empty if the recording was to be uploaded for this job.
        size: of its recording, in bytes.
        created: ISO 8601, like `expires`, by when the upload has to begin; empty if none is awaited.
    """

    id: str
    key: str
    size: int
    created: str
    version: str = ""
    expires: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A job as its caller sees it; keys of the description that do not apply are left out."""

    state: JobState
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDesk:
    """Takes jobs, tells their states, and removes them. Every method blocks. Without `webhooks`, none are taken."""

    recordings: Bucket
    transcripts: Bucket
    settings: Settings
    webhooks: WebhookBook | None = None

    def origins(self) -> tuple[str, ...]:
        """The origins of all links, to which a browser must be allowed to connect."""
        return tuple(dict.fromkeys((self.recordings.origin, self.transcripts.origin)))

    def take_upload(self, *, caller: Caller, sha256: bytes, size: int, webhook: str = "") -> View:
        """The job of a caller for the content with this digest; with a link for the upload as long as it is missing."""
        # Keyed by the content's digest: without the content the id cannot be computed, and a caller finds its own uploads only.
        identity = hmac.digest(sha256, f"upload\n{caller.name}".encode(), hashlib.sha256).hex()[:40]
        suffix = (*self.settings.key_filter.suffixes, "")[0]
        key = f"{self.settings.job_folder}{identity}{suffix}"
        now = datetime.now(UTC)
        known = self._read(identity)
        job = known or Job(id=identity, key=key, size=size, created=_iso(now), expires=_iso(now))
        view = self._view(job)
        if view.state not in FOR_UPLOAD:
            if not known:
                self._store(job)
            return self._with_webhook(job, view, asked=webhook)
        expires = now + timedelta(seconds=UPLOAD_SECONDS)
        job = replace(job, size=size, created=_iso(now), expires=_iso(expires))
        self._store(job)
        url, headers = self.recordings.upload_link(
            job.key, sha256=sha256, size=size, seconds=UPLOAD_SECONDS, metadata=Origin.present().metadata
        )
        upload = {"method": "PUT", "url": url, "headers": headers, "expires": job.expires}
        facts = _facts(job, JobState.AWAITING_UPLOAD) | {"upload": upload}
        return self._with_webhook(job, View(state=JobState.AWAITING_UPLOAD, facts=facts), asked=webhook)

    def take_key(self, *, caller: Caller, key: str, webhook: str = "") -> View:
        """The job of a caller for the newest version of a recording in the bucket.

        Raises:
            RecordingOutOfReach: the caller may not ask for it.
            NoSuchRecording: there is none.
        """
        if not caller.reaches(key):
            raise RecordingOutOfReach(prefixes=caller.prefixes)
        if not self.settings.key_filter.admits(key):
            raise InvalidJob(
                field="key", expected="a key that the workers take for a recording's, by its prefix and suffix"
            )
        found = self.recordings.current(key)
        if not found:
            raise NoSuchRecording
        identity = hmac.digest(found.version.encode(), f"key\n{caller.name}\n{key}".encode(), hashlib.sha256).hex()[:40]
        job = self._read(identity)
        if not job:
            job = Job(id=identity, key=key, version=found.version, size=found.size, created=_iso(datetime.now(UTC)))
            self._store(job)
        # The version is what the workers' lines about it have.
        log("job for a recording", version=found.version)
        return self._with_webhook(job, self._view(job), asked=webhook)

    def look(self, identity: str, *, caller: Caller) -> View:
        """A job and its state.

        Raises:
            JobNotFound: there is no such job, or it is for a recording that the caller may not ask for.
        """
        job = self._find(identity, caller)
        return self._with_webhook(job, self._view(job))

    def state(self, identity: str) -> JobState:
        """The state of a job.

        Raises:
            JobNotFound: there is no such job.
        """
        return self._view(self._find(identity)).state

    def remove(self, identity: str, *, caller: Caller) -> None:
        """Remove a job and, if its recording was uploaded for it, the recording and all its results.

        Raises:
            JobNotFound: as above.
            JobRunning: a worker has the recording already; it is removed, and the rest when the worker has ended.
        """
        job = self._find(identity, caller)
        if not job.version:
            self.recordings.erase(job.key)
            # A worker shows itself before it downloads a recording. One that has not yet finds no recording.
            if any(self._works(key) for key, _ in self.transcripts.keys(folder(State.RUNNING, job.key))):
                raise JobRunning
            for state in FOLDERS:
                self.transcripts.erase(folder(state, job.key))
        # With that of its webhook.
        self.transcripts.erase(_document(identity).removesuffix("json"))

    def _with_webhook(self, job: Job, view: View, *, asked: str = "") -> View:
        """A job with its webhook, after one was asked for."""
        if not self.webhooks:
            return view
        if asked:
            self.webhooks.ask(job.id, asked, begun=view.state not in FOR_UPLOAD)
        found = self.webhooks.find(job.id)
        return replace(view, facts=view.facts | {"webhook": found.webhook.facts()}) if found else view

    def _find(self, identity: str, caller: Caller | None = None) -> Job:
        job = self._read(identity)
        if not job or (caller and job.version and not caller.reaches(job.key)):
            raise JobNotFound
        return job

    def _read(self, identity: str) -> Job | None:
        found = self.transcripts.read(_document(identity))
        return Job(**json.loads(found[0])) if found else None

    def _store(self, job: Job) -> None:
        self.transcripts.put(_document(job.id), json.dumps(asdict(job)).encode(), content_type=JSON)

    def _view(self, job: Job) -> View:
        stored = None if job.version else self.recordings.current(job.key)
        version = job.version or (stored.version if stored else self._known_version(job.key))
        if not version:
            state = JobState.EXPIRED if datetime.now(UTC) >= datetime.fromisoformat(job.expires) else None
            state = state or JobState.AWAITING_UPLOAD
            return View(state=state, facts=_facts(job, state))
        arrival = stored.time if stored else job.created
        return self._seen(job, ResultKeys(_Version(key=job.key, version=version)), arrival)

    def _seen(self, job: Job, keys: ResultKeys, arrival: str) -> View:
        """The state of a job whose recording has arrived, by its results; a worker deletes its marker last."""
        deadline = datetime.fromisoformat(arrival) + timedelta(seconds=self._allowed_seconds(job.size))
        facts: dict[str, Any] = {"deadline": _iso(deadline)}
        state, marker = JobState.WAITING, self._marker(keys.running)
        if marker:
            facts["attempts"] = marker["attempt"]
            if "error" in marker:
                facts["cause"] = marker["error"]
            elif not self._stale(marker):
                state, facts["progress"] = JobState.RUNNING, marker["share"]
        elif self._exists(keys.transcript):
            incomplete = [one for one in INCOMPLETE if self._exists(keys.of(one))]
            state = JobState((*incomplete, State.DONE)[0])
            links = {"json": keys.transcript, **keys.renderings}
            facts["results"] = {
                form: self.transcripts.download_link(key, seconds=RESULT_SECONDS) for form, key in links.items()
            }
        elif failure := self._error(keys.failure):
            state, facts["error"] = JobState.FAILED, failure
        if state not in ENDED and datetime.now(UTC) > deadline:
            facts["error"] = error_facts(SERVER_ERROR, _late(state, facts), code=errors.DeadlineExceeded.code)
            state = JobState.LATE
        return View(state=state, facts=_facts(job, state) | facts)

    def _marker(self, key: str) -> dict[str, Any] | None:
        """The document of the last worker that took a recording, as long as there is no result; None if none did."""
        found = self.transcripts.read(key)
        marker: dict[str, Any] | None = json.loads(found[0]) if found else None
        return marker

    def _works(self, key: str) -> bool:
        """Whether a worker that has left this document is still at work."""
        marker = self._marker(key)
        return marker is not None and "error" not in marker and not self._stale(marker)

    def _stale(self, marker: Mapping[str, Any]) -> bool:
        """Whether a worker has not been heard of for so long that its message is back on the queue, or a dead letter."""
        workers = replace(self.settings, job_deadline_seconds=self.settings.worker_deadline_seconds)
        age = datetime.now(UTC) - datetime.fromisoformat(marker["at"])
        return age > timedelta(seconds=workers.visibility_timeout_seconds)

    def _error(self, key: str) -> dict[str, Any] | None:
        """The reason in the document of a failure, as answers show errors; None if there is none."""
        if not (found := self.transcripts.read(key)):
            return None
        error = json.loads(found[0])["error"]
        told = {name: error[name] for name in ("value", "expected")}
        # The recording is at fault, which is no field of a request for a job.
        return error_facts(INVALID_REQUEST, sentence(error["message"], **told), code=error["code"], **told)

    def _allowed_seconds(self, size: int) -> int:
        """How long a recording may take from its arrival to its results: the longer it can be, by its size, the longer."""
        longest = min(1.0, size / (LEAST_BYTES_PER_SECOND * self.settings.worker_max_audio_seconds))
        return WAIT_SECONDS + round(self.settings.worker_deadline_seconds * longest)

    def _known_version(self, key: str) -> str:
        """The version that has results, if its recording is gone."""
        for state in (State.DONE, State.FAILED, State.RUNNING):
            for result, _ in self.transcripts.keys(folder(state, key)):
                version = result.rpartition("/")[2].rpartition(".")[0]
                if version != "latest" and not (state is State.FAILED and self._was_deleted(result)):
                    return version
        return ""

    def _was_deleted(self, failure: str) -> bool:
        """Whether a worker failed because a job was deleted before it began: to ask for the job again is a new beginning."""
        error = self._error(failure)
        return error is not None and error["code"] == errors.RecordingMissing.code

    def _exists(self, key: str) -> bool:
        return any(found == key for found, _ in self.transcripts.keys(key))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """A version of a recording, as the keys of results are named after it."""

    key: str
    version: str


def _facts(job: Job, state: JobState) -> dict[str, Any]:
    return {"id": job.id, "object": "job", "state": state, "created": job.created, "links": {"self": f"/jobs/{job.id}"}}


def _late(state: JobState, facts: Mapping[str, Any]) -> str:
    """All that is known about a recording that has no result by its deadline."""
    number = facts.get("attempts", 0)
    if state is JobState.RUNNING:
        return f"no result by the deadline; a worker is at it, at attempt {number}"
    if not number:
        return "no result by the deadline; no worker has begun"
    attempts = "1 attempt" if number == 1 else f"{number} attempts"
    if cause := facts.get("cause"):
        return f"no result by the deadline, after {attempts}; the last one failed: {cause['message']}"
    return f"no result by the deadline, after {attempts}; the last one gave no reason, as when its task is stopped"


def _document(identity: str) -> str:
    return f"jobs/{identity}.json"


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
