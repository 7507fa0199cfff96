"""`jobs list` and the verb's options, against an emulator's queues and buckets."""

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.__main__ import main
from service.aws.s3 import Bucket
from service.batch import results
from service.batch.results import ResultKeys, State
from service.batch.rows import (
    DatedVersion,
    FailedVersion,
    IncompleteVersion,
    Overview,
    RunningVersion,
    age,
)
from service.batch.table import lines
from service.errors import AwsDenied, NotAudio
from service.recording import Gap
from service.transcript import Transcript, Unheard
from tests.service.batch.operating import NOW, Aged, at_work, failure, reconciled, run, unannounced, view
from tests.service.cloud import Cloud

pytestmark = pytest.mark.usefixtures("aws_environment")
WHOLE = Transcript(language="en", language_probability=1.0, duration=6.0, channels=1, segments=())
PARTIAL = {"missing_seconds": 58.0, "gaps": (Gap(start=6.0, end=64.0),)}
UNHEARD = {"unheard": (Unheard(channel=0, start=1.0, end=2.5),)}


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
    expected = Overview(
        waiting=2, in_flight=1, dead_letters=1, running=1, stale=0, done=2, partial=0, unheard=0, failed=1, ignored=0
    )
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


def test_incomplete_transcript_is_a_state_of_its_own(cloud: Cloud) -> None:
    """A call that lacks audio, or words for speech, is counted and listed with what it lacks, and not among the done."""
    uploads = [unannounced(cloud, f"{name}.wav") for name in ("a", "b", "c", "d")]
    for upload, lacking in zip(uploads, [PARTIAL, UNHEARD, {}, PARTIAL | UNHEARD], strict=True):
        cloud.put(ResultKeys(upload).transcript)
        transcript = replace(WHOLE, **lacking)  # type: ignore[arg-type]
        if state := results.incomplete_state(transcript):
            stored = results.transcript_document(
                upload, transcript, settings=cloud.settings, encoder="fake", processing_seconds=1.0, at=NOW
            )
            cloud.put(ResultKeys(upload).of(state), results.incomplete_document(upload, stored))
    jobs = view(cloud)
    overview, (tally, missing) = jobs.overview(), reconciled(jobs)
    assert (overview.done, overview.partial, overview.unheard) == (1, 2, 1)
    assert (tally.done, tally.partial, tally.unheard, missing) == (1, 2, 1, [])
    assert [row.recording for row in jobs.listed(State.DONE)] == ["c.wav"]
    partial, unheard = (list(jobs.listed(state)) for state in (State.PARTIAL, State.UNHEARD))
    assert [row.recording for row in partial] == ["a.wav", "d.wav"]
    assert unheard == [
        IncompleteVersion(
            state=State.UNHEARD,
            recording="b.wav",
            version=uploads[1].version,
            at=NOW,
            duration=6.0,
            missing_seconds=0.0,
            unheard_seconds=1.5,
        )
    ]


def test_list_has_headings_and_times_that_people_read(cloud: Cloud) -> None:
    """A table for each state, with its time zone and ages; `--json` has the same recordings."""
    running, failed = (unannounced(cloud, key) for key in ("a.wav", "b.wav"))
    cloud.put(ResultKeys(running).running, at_work(running))
    cloud.put(ResultKeys(failed).failure, failure(failed))
    done = run(cloud, "--running", "--failed", "--partial")
    assert done.stderr == "no recording is partial\n"
    head, row, apart, *others = done.stdout.splitlines()
    titles = ["started (UTC)", "age", "done", "updated", "attempt", "worker", "version", "recording"]
    assert re.split(r" {2,}", head) == titles
    cells = re.split(r" {2,}", row)
    assert cells[0] == "2026-01-31 12:00:00"
    assert re.fullmatch(r"\d+ d", cells[1])
    assert cells[2:] == ["25%", f"{cells[1]} ago", "2", "host", running.version, "a.wav"]
    assert apart == ""
    assert re.split(r" {2,}", others[0])[:3] == ["failed (UTC)", "age", "code"]
    rows = [json.loads(line) for line in run(cloud, "--running", "--failed", "--json").stdout.splitlines()]
    assert [(row["state"], row["recording"]) for row in rows] == [("running", "a.wav"), ("failed", "b.wav")]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (172_799, "47 h"), (172_800, "2 d")],
)
def test_age_is_told_in_one_unit(seconds: int, told: str) -> None:
    """A clock that is ahead makes no negative ages."""
    assert age(NOW, datetime.fromisoformat(NOW) + timedelta(seconds=seconds)) == told


def test_page_after_page_of_a_table_stays_aligned() -> None:
    """The headings come once, and a later page is at least as wide as the first."""
    rows = [
        DatedVersion(state=State.DONE, recording="a", version="v" * (1 if number < 150 else 3), at=NOW)
        for number in range(250)
    ]
    found = list(lines(rows, as_json=False))
    assert len(found) == 251
    assert sum("recording" in line for line in found) == 1
    assert {line.rindex("a") for line in found[1:100]} == {found[0].index("recording")}


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


def test_attempt_that_has_failed_shows_its_error(cloud: Cloud) -> None:
    """An operator sees why a message comes back, and why it became a dead letter."""
    upload = unannounced(cloud, "a.wav")
    error = AwsDenied(resource="recording", reason="AccessDenied")
    cloud.put(
        ResultKeys(upload).running,
        results.running_document(upload, worker="host", attempt=2, started=NOW, at=NOW, share=0.0, error=error),
    )
    (row,) = view(cloud).listed(State.RUNNING)
    assert "ago, recording_denied" in "\n".join(lines([row], as_json=False))
    assert json.loads("\n".join(lines([row], as_json=True)))["error"] == "recording_denied"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["redrive", "--names"], "--names: not an option of `jobs redrive`; expected --json"),
        (["redrive", "--prefix", "a"], "--prefix: not an option of `jobs redrive`; expected --json"),
        (["redrive", "--running"], "--running: not an option of `jobs redrive`; expected --json"),
        (["--announce"], "--announce: not an option of `jobs list`; expected --running, --done, --partial, --unheard"),
        (["reconcile", "--failed"], "--failed: not an option of `jobs reconcile`; expected --names, --announce, "),
    ],
)
def test_option_that_an_action_would_ignore_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """It would do less, or more, than the operator asked for."""
    assert main(["jobs", *arguments], {}) == 2
    assert capsys.readouterr().err.startswith(f"whisper-fargate: {told}")


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
