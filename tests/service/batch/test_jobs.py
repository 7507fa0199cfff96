"""The `jobs` verb, against an emulator's queues and buckets."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.server import ROOT
from local.emulator import Emulator
from service.aws.s3 import Bucket
from service.aws.sqs import Queue
from service.batch import events, results
from service.batch.events import Message, Upload
from service.batch.jobs import Jobs
from service.batch.reconciliation import PAGE
from service.batch.results import ResultKeys, State
from service.batch.rows import DatedVersion, FailedVersion, Overview, Redriven, RunningVersion, Tally
from service.errors import AwsUnavailable, NotAudio
from service.settings import Settings
from tests.service.cloud import REGION, Cloud

NOW = "2026-01-31T12:00:00.000+00:00"


@pytest.fixture(autouse=True)
def _here(emulated: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service finds the emulator as it finds AWS: through its environment variables."""
    for name, value in (emulated.environ() | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)


def view(cloud: Cloud, *, prefix: str = "") -> Jobs:
    """All recordings of a cloud, or those under a prefix."""
    queue = Queue(cloud.queue)
    return Jobs(
        queue=queue,
        dead_letters=queue.dead_letters(),
        recordings=Bucket(cloud.recordings),
        transcripts=Bucket(cloud.transcripts),
        settings=cloud.settings,
        prefix=prefix,
    )


def unannounced(cloud: Cloud, key: str, body: bytes = b"sound") -> Upload:
    """Upload a recording that no message announces."""
    return cloud.upload(key, body, announce=False)


def run(cloud: Cloud, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the verb as an operator does."""
    inherited = {name: value for name, value in cloud.emulator.environ().items() if not name.startswith("WHISPER_")}
    own = {name: value for name, value in cloud.settings.to_environ().items() if value}
    return subprocess.run(
        [sys.executable, "-m", "service", "jobs", *arguments],
        cwd=ROOT,
        env=inherited | {"AWS_DEFAULT_REGION": REGION} | own | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def failure(upload: Upload) -> bytes:
    """The failure document of a text file."""
    return results.failure_document(upload, NotAudio(size=1200), at=NOW)


def at_work(upload: Upload) -> bytes:
    """The document that a worker writes while it transcribes."""
    return results.running_document(upload, worker="host", attempt=2, started=NOW, at=NOW, share=0.25)


class Aged:
    """The transcripts bucket as it will be some hours from now."""

    def __init__(self, bucket: Bucket, *, hours: int) -> None:
        self._bucket, self._age = bucket, timedelta(hours=hours)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The same keys, written earlier."""
        return ((key, modified - self._age) for key, modified in self._bucket.keys(prefix, after=after))

    def read(self, key: str) -> tuple[bytes, str] | None:
        """The same content."""
        return self._bucket.read(key)


def reconciled(jobs: Jobs, *, announce: bool = False) -> tuple[Tally, list[tuple[str, str]]]:
    """The tally, and the key and version of each recording that is unaccounted for."""
    *missing, tally = jobs.reconcile(announce=announce)
    assert isinstance(tally, Tally)
    return tally, [(row.recording, row.version) for row in missing if isinstance(row, DatedVersion)]


def test_overview_counts_each_transcript_and_message_once(cloud: Cloud) -> None:
    """Pointers and renderings do not count as transcripts, nor messages in flight as waiting."""
    done, again, failed, running = (unannounced(cloud, key) for key in ("a.wav", "a.wav", "b.wav", "c.wav"))
    for upload in (done, again):
        cloud.put(ResultKeys(upload).transcript)
        cloud.put(ResultKeys(upload).latest)
        for key in ResultKeys(upload).renderings.values():
            cloud.put(key)
    cloud.put(ResultKeys(failed).failure, failure(failed))
    cloud.put(ResultKeys(running).running, at_work(running))
    for url, count in ((cloud.queue, 3), (cloud.dead_letters, 1)):
        for _ in range(count):
            cloud.sqs.send_message(QueueUrl=url, MessageBody="{}")
    cloud.sqs.receive_message(QueueUrl=cloud.queue, MaxNumberOfMessages=1)
    expected = Overview(waiting=2, in_flight=1, dead_letters=1, running=1, stale=0, done=2, failed=1)
    assert view(cloud).overview() == expected
    assert view(cloud, prefix="b").overview() == replace(expected, running=0, done=0)


def test_failed_recordings_are_listed_with_their_reason(cloud: Cloud) -> None:
    """By key and version, even if the key has slashes."""
    upload = unannounced(cloud, "2026/01/a b+c.txt")
    cloud.put(ResultKeys(upload).failure, failure(upload))
    assert list(view(cloud).listed(State.FAILED)) == [
        FailedVersion(
            state=State.FAILED,
            recording=upload.key,
            version=upload.version,
            at=NOW,
            code="bad_audio",
            reason="no audio can be read from it",
            expected=NotAudio.expected,
        )
    ]


def test_running_recording_that_is_no_longer_updated_is_stale(cloud: Cloud) -> None:
    """After the visibility timeout its worker has lost the message, so the recording counts as unaccounted for."""
    upload = unannounced(cloud, "a.wav")
    cloud.put(ResultKeys(upload).running, at_work(upload))
    jobs = view(cloud)
    expected = RunningVersion(
        state=State.RUNNING,
        recording="a.wav",
        version=upload.version,
        started=NOW,
        at=NOW,
        worker="host",
        attempt=2,
        share=0.25,
    )
    assert list(jobs.listed(State.RUNNING)) == [expected]
    assert reconciled(jobs)[0].running == 1
    later = replace(jobs, transcripts=Aged(Bucket(cloud.transcripts), hours=1))
    assert list(later.listed(State.RUNNING)) == [replace(expected, stale=True)]
    assert later.overview().stale == 1
    assert reconciled(later)[1] == [("a.wav", upload.version)]


def test_redrive_moves_every_dead_letter_once(cloud: Cloud) -> None:
    """Those that a worker can read return to the queue unchanged, the others stay, and a second redrive moves none."""
    bodies = [events.announcement(replace(unannounced(cloud, "a.wav"), key=f"{number}.wav")) for number in range(30)]
    bodies[0] = json.dumps({"Type": "Notification", "Message": bodies[0]})  # as SNS delivers it
    for body in (*bodies, "no event"):
        cloud.sqs.send_message(QueueUrl=cloud.dead_letters, MessageBody=body)
    assert view(cloud).redrive() == Redriven(moved=30, left=1)
    assert view(cloud).overview().dead_letters == 1
    assert view(cloud).redrive().moved == 0
    assert sorted(cloud.bodies(cloud.queue)) == sorted(bodies)


def test_interrupted_redrive_loses_no_message(cloud: Cloud) -> None:
    """Between sending and deleting, the message is on both queues; a second redrive completes the move."""

    class Interrupted(Queue):
        def delete(self, message: Message) -> None:
            assert message.body == body
            raise AwsUnavailable(resource="queue", reason="EndpointConnectionError")

    body = events.announcement(unannounced(cloud, "a.wav"))
    cloud.sqs.send_message(QueueUrl=cloud.dead_letters, MessageBody=body)
    cloud.sqs.set_queue_attributes(QueueUrl=cloud.dead_letters, Attributes={"VisibilityTimeout": "3"})
    with pytest.raises(AwsUnavailable):
        replace(view(cloud), dead_letters=Interrupted(cloud.dead_letters)).redrive()
    assert sum(view(cloud).dead_letters.counts()) == 1
    assert cloud.bodies(cloud.queue) == [body]
    cloud.sqs.receive_message(QueueUrl=cloud.dead_letters, WaitTimeSeconds=5, VisibilityTimeout=0)
    assert view(cloud).redrive() == Redriven(moved=1, left=0)
    assert cloud.bodies(cloud.queue) == [body]
    assert sum(view(cloud).dead_letters.counts()) == 0


@pytest.mark.parametrize("key", ["a.wav", "a b+c%20.wav", "é/€/𝄞.wav", "folder/", "k" * 1024, "é" * 500])
@pytest.mark.parametrize("named_by_tag", [False, True])
@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.RUNNING])
def test_version_with_a_result_is_accounted_for(cloud: Cloud, key: str, state: State, *, named_by_tag: bool) -> None:
    """Whatever its key, and whether or not its event named the version."""
    upload = unannounced(cloud, key)
    cloud.put(ResultKeys(replace(upload, version_id="") if named_by_tag else upload).of(state))
    tally, missing = reconciled(view(cloud))
    assert (missing, tally.to_dict()[state]) == ([], 1)


def test_each_version_needs_a_result_of_its_own(cloud: Cloud) -> None:
    """A transcript accounts for one version of one recording; renderings and `latest` account for none."""
    first, second, other = (
        unannounced(cloud, "a"),
        unannounced(cloud, "a", b"other sound"),
        unannounced(cloud, "a.wav", b"a third"),
    )
    for upload in (second, other):
        cloud.put(ResultKeys(upload).latest)
        for key in ResultKeys(upload).renderings.values():
            cloud.put(key)
    cloud.put(ResultKeys(first).transcript)
    tally, missing = reconciled(view(cloud))
    assert sorted(missing) == sorted([("a", second.version), ("a.wav", other.version)])
    assert (tally.done, tally.unaccounted) == (1, 2)
    assert reconciled(view(cloud, prefix="a."))[1] == [("a.wav", other.version)]


def test_deleted_recording_still_needs_results_for_its_versions(cloud: Cloud) -> None:
    """A delete marker is not a recording, but the versions below it still are."""
    upload = unannounced(cloud, "a.wav")
    cloud.s3.delete_object(Bucket=cloud.recordings, Key="a.wav")
    assert reconciled(view(cloud))[1] == [("a.wav", upload.version)]


def test_only_unaccounted_versions_are_announced_again(cloud: Cloud) -> None:
    """The message asks for exactly the version that was unaccounted for."""
    lost, done = unannounced(cloud, "lost é+.wav"), unannounced(cloud, "done.wav")
    cloud.put(ResultKeys(done).transcript)
    tally, _ = reconciled(view(cloud), announce=True)
    assert tally.announced == 1
    (body,) = cloud.bodies(cloud.queue)
    (found,) = events.uploads(body, bucket=cloud.recordings)
    assert (found.key, found.version_id, found.etag, found.size) == (lost.key, lost.version_id, lost.etag, lost.size)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(found.time)) < timedelta(minutes=1)


def test_nothing_is_announced_again_while_messages_wait(cloud: Cloud) -> None:
    """Those messages may announce the versions that are unaccounted for; a backlog must not be doubled."""
    upload = unannounced(cloud, "a.wav")
    cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=events.announcement(upload))
    tally, missing = reconciled(view(cloud), announce=True)
    assert (tally.announced, tally.waiting_or_in_flight, len(missing)) == (0, 1, 1)
    assert len(cloud.bodies(cloud.queue)) == 1


def test_more_than_a_page_of_versions_is_reconciled(cloud: Cloud) -> None:
    """Versions on either side of a page boundary are found."""
    keys = [f"{number:05}.wav" for number in range(PAGE + 50)]
    lost = {keys[0], keys[PAGE - 1], keys[PAGE], keys[-1]}

    def work(key: str) -> None:
        upload = unannounced(cloud, key)
        if key not in lost:
            cloud.put(ResultKeys(upload).transcript)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, keys))
    tally, missing = reconciled(view(cloud))
    assert {key for key, _ in missing} == lost
    assert tally.done == len(keys) - len(lost)


@dataclass(frozen=True)
class Memory:
    """A bucket, or an empty queue."""

    stored: Sequence[str] = ()
    uploads: Sequence[Upload] = ()

    def counts(self) -> tuple[int, int]:
        """No messages."""
        return 0, 0

    def send(self, body: str) -> None:
        """Drop the message."""

    def receive(self, *, wait_seconds: int) -> Message | None:
        """Receive no message."""

    def delete(self, message: Message) -> None:
        """Do nothing."""

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The stored keys in S3's order, which is that of UTF-8."""
        stored = sorted(self.stored, key=str.encode)
        return ((key, datetime.now(UTC)) for key in stored if key.startswith(prefix) and key.encode() > after.encode())

    def read(self, key: str) -> tuple[bytes, str] | None:
        """Find no object: reconciliation reads keys only."""

    def versions(self, prefix: str) -> Iterator[Upload]:
        """The uploads in S3's order."""
        ordered = sorted(self.uploads, key=lambda upload: upload.key.encode())
        return (upload for upload in ordered if upload.key.startswith(prefix))


# Parts that are prefixes of each other, that sort before and after a slash, and that make a key too long.
PART = st.sampled_from(["a", "b", "/", ".", "-", "~", "é", "\U0001f600", "￿", "k" * 849, "latest.json"])


@given(st.lists(st.tuples(st.lists(PART, min_size=1, max_size=4), st.sampled_from(["", "done", "failed", "running"]))))
def test_any_recordings_are_reconciled_page_by_page_as_all_at_once(recordings: list[tuple[list[str], str]]) -> None:
    """The walk over one page's keys misses none of them and includes none of the next page's."""
    uploads = {
        f"v{number}": Upload(bucket="b", key="".join(parts), version_id=f"v{number}", etag="e")
        for number, (parts, _) in enumerate(recordings)
    }
    states = {f"v{number}": state for number, (_, state) in enumerate(recordings)}
    stored = [ResultKeys(uploads[version]).of(State(state)) for version, state in states.items() if state]
    nothing = Memory()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.batch.reconciliation.PAGE", 2)
        jobs = Jobs(
            queue=nothing,
            dead_letters=nothing,
            recordings=Memory(uploads=list(uploads.values())),
            transcripts=Memory(stored=stored),
            settings=Settings(),
        )
        tally, missing = reconciled(jobs)
    assert {version for _, version in missing} == {version for version, state in states.items() if not state}
    counts = tally.to_dict()
    assert all(counts[state] == list(states.values()).count(state) for state in ("done", "failed", "running"))


def test_exit_code_tells_whether_a_version_is_lost(cloud: Cloud) -> None:
    """1 if a version is unaccounted for and no message waits or is in flight, else 0."""
    upload = unannounced(cloud, "+33612345678.wav")
    assert run(cloud, "reconcile").returncode == 1
    assert run(cloud, "reconcile", "--announce").returncode == 1
    assert len(cloud.bodies(cloud.queue)) == 1
    cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=events.announcement(upload))
    assert run(cloud, "reconcile").returncode == 0
    cloud.bodies(cloud.queue)
    cloud.put(ResultKeys(upload).transcript)
    assert run(cloud, "reconcile").returncode == 0


def test_names_are_printed_only_on_request(cloud: Cloud) -> None:
    """A key may hold a caller's number: counts are enough for a log, and names never go to standard error."""
    lost, failed = unannounced(cloud, "+33612345678.wav"), unannounced(cloud, "+33687654321\u202evaw.wav")
    cloud.put(ResultKeys(failed).failure, failure(failed))
    for arguments in ([], ["reconcile"], ["redrive"], ["--json"], ["reconcile", "--announce"]):
        done = run(cloud, *arguments)
        assert "+336" not in done.stdout + done.stderr, arguments
    cloud.bodies(cloud.queue)
    assert lost.key in run(cloud, "reconcile", "--names").stdout
    text, line = run(cloud, "--failed").stdout, run(cloud, "--failed", "--json").stdout
    assert "bad_audio" in text
    assert "\u202e" not in text
    assert json.loads(line)["recording"] == failed.key


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"WHISPER_QUEUE_URL": ""}, "WHISPER_QUEUE_URL: got '', expected a value, which this verb needs"),
        ({"WHISPER_QUEUE_URL": "{dead}"}, "WHISPER_QUEUE_URL: has no dead letters; expected the URL of a queue with"),
        ({"WHISPER_QUEUE_URL": "{dead}-absent"}, "AWS does not answer as it should (queue_unavailable: AWS.SimpleQu"),
        ({"WHISPER_TRANSCRIPTS_BUCKET": "absent"}, "AWS does not answer as it should (results_unavailable: NoSuchBuck"),
    ],
)
def test_wrong_start_is_one_line_and_exit_2(cloud: Cloud, environ: dict[str, str], told: str) -> None:
    """The line names the setting that is missing, or AWS's answer about the queue or bucket that does not exist."""
    done = run(cloud, **{name: value.format(dead=cloud.dead_letters) for name, value in environ.items()})
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert f"whisper-fargate: {told}" in done.stderr
