"""`jobs reconcile`, against an emulator's queue and buckets."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.batch import events
from service.batch.events import Message, Upload
from service.batch.jobs import Jobs
from service.batch.reconciliation import PAGE
from service.batch.results import ResultKeys, State
from service.settings import Settings
from tests.service.batch.operating import reconciled, run, unannounced, view
from tests.service.cloud import Cloud

pytestmark = pytest.mark.usefixtures("aws_environment")


@pytest.mark.parametrize("key", ["a.wav", "a b+c%20.wav", "é/€/𝄞.wav", "folder/", "k" * 1024, "é" * 500])
@pytest.mark.parametrize("named_by_tag", [False, True])
@pytest.mark.parametrize("state", [State.DONE, State.PARTIAL, State.FAILED, State.RUNNING])
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


def test_object_that_the_filter_leaves_out_is_counted_and_never_announced(cloud: Cloud) -> None:
    """Sidecars are neither lost nor recordings; one that was transcribed before there was a filter counts as that."""
    lost, sidecar, former = (unannounced(cloud, key) for key in ("a.wav", "a.json", "b.txt"))
    cloud.put(ResultKeys(former).transcript)
    jobs = view(cloud, recording_suffixes=".wav")
    tally, missing = reconciled(jobs, announce=True)
    assert missing == [(lost.key, lost.version)]
    assert (tally.ignored, tally.done, tally.unaccounted, tally.announced) == (1, 1, 1, 1)
    assert [events.uploads(body)[0].key for body in cloud.bodies(cloud.queue)] == [lost.key]
    assert jobs.overview().ignored == 2
    listed = [(row.recording, row.version) for row in jobs.listed(State.IGNORED)]
    assert listed == [(sidecar.key, sidecar.version), (former.key, former.version)]
    assert view(cloud).overview().ignored == 0


def test_bucket_with_nothing_but_sidecars_is_in_order(cloud: Cloud) -> None:
    """They are listed by name only on request, with the time of their upload."""
    unannounced(cloud, "+33612345678.json")
    done = run(cloud, "reconcile", "--names", WHISPER_RECORDING_SUFFIXES=".wav")
    assert (done.returncode, "+336" in done.stdout) == (0, False)
    listed = run(cloud, "--ignored", WHISPER_RECORDING_SUFFIXES=".wav").stdout
    assert "uploaded (UTC)" in listed
    assert "+33612345678.json" in listed


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

    def visibility_timeout(self) -> int:
        """SQS's default."""
        return 30

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
