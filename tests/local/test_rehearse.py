import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from mypy_boto3_s3 import S3Client

from local import emulator
from local.__main__ import main
from local.cloud import running_cloud
from local.deploy import ROOT
from local.errors import LocalError
from local.reconcile import LOST, reconcile
from local.rehearsal import Report

# What a reader of the rehearsal is told of.
STAGES = {"deployed", "started", "scaled", "uploaded", "received", "transcribed", "latest", "refused", "deleted"}
PLAYED = {"repeated", "killed", "interrupted", "stopped", "answered"}
RECORDINGS, TRANSCRIPTS = "recordings", "transcripts"


def left_behind(folder: Path) -> list[int]:
    """Processes of a cloud in a folder: what each says goes to a file there."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and (process / "fd/1").readlink().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:  # it ended meanwhile, or is nobody's business
            continue
    return found


def test_rehearsal_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    """`make rehearse`: every promise is kept, and nothing runs afterwards."""
    done = subprocess.run(
        [sys.executable, "-m", "local", "--folder", str(tmp_path), "rehearse"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  0 lost\n" in done.stdout
    assert "  0 duplicate\n" in done.stdout
    assert "BROKEN" not in done.stdout
    told = {line.split()[2] for line in done.stdout.splitlines() if " s  " in line[:12]}
    assert told == STAGES | PLAYED
    assert ", attempt 2\n" in done.stdout
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_with_everything_it_started(tmp_path: Path, number: signal.Signals) -> None:
    """`make run` prints the addresses, and leaves nothing running however it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-m", "local", "--folder", str(tmp_path), "run", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith("Ctrl-C"):
                break
        assert len(left_behind(tmp_path)) >= 2  # the emulator and the API
        process.send_signal(number)
        assert process.communicate(timeout=60)[1] == "local: interrupted; nothing is left running\n"
    assert process.returncode == 1
    assert not left_behind(tmp_path)
    text = "".join(printed)
    for name in ("recordings", "transcripts", "queue", "API", "AWS_ENDPOINT_URL=http://127.0.0.1:", "curl"):
        assert name in text


def test_run_beside_a_running_emulator_is_refused(tmp_path: Path) -> None:
    """Two clouds in one folder would share their files."""
    folder = tmp_path / "run"
    folder.mkdir()
    emulator.start(folder)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "local", "--folder", str(tmp_path), "run", "--port", "0"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert emulator.find(folder)
    finally:
        emulator.stop(folder)
    assert done.returncode == 1
    assert done.stderr == f"local: an emulator runs in {folder}; `python -m local --folder {folder} stop` ends it\n"


def test_task_that_refuses_its_settings_ends_the_cloud(tmp_path: Path) -> None:
    """Starting it again and again would help nobody; the one line names its log, and nothing is left running."""

    def run() -> None:
        wrong = {"WHISPER_THREADS": "many"}
        with running_cloud(tmp_path, minute_seconds=60, say=lambda *_: None, workers=wrong) as cloud:
            cloud.fleet.service.wanted = 1
            cloud.wait(lambda: False, seconds=60, what="the end")

    with pytest.raises(LocalError, match=r"worker-\d ended with 2; .*worker-\d\.log says why"):
        run()
    assert "WHISPER_THREADS: got 'many'" in next((tmp_path / "tasks").glob("worker-*.log")).read_text()
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("seconds", ["0", "61", "soon"])
def test_minute_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    """Nothing is started for a scaling that would never or always move."""
    with pytest.raises(SystemExit):
        main(["run", "--minute", seconds])
    assert f"--minute: got '{seconds}', expected a number from 0.1 to 60" in capsys.readouterr().err


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Client]:
    """An S3 with two buckets that keep versions."""
    folder = tmp_path_factory.mktemp("emulator")
    running = emulator.start(folder)
    try:
        keys = {name.lower(): value for name, value in running.credentials.items() if "KEY" in name}
        client = boto3.client("s3", endpoint_url=running.url, region_name="us-east-1", **keys)  # type: ignore[call-overload]
        for bucket in (RECORDINGS, TRANSCRIPTS):
            client.create_bucket(Bucket=bucket)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client
    finally:
        emulator.stop(folder)


def test_account_tells_what_became_of_each_version(s3: S3Client) -> None:
    """A transcript, a named failure, nothing, and what should never be: a result that was written twice."""

    def upload(key: str, content: str) -> str:
        return str(s3.put_object(Bucket=RECORDINGS, Key=key, Body=content.encode())["ETag"].strip('"'))

    def result(key: str, body: str = "{}") -> None:
        s3.put_object(Bucket=TRANSCRIPTS, Key=key, Body=body.encode())

    first, second = upload("call 1+é.wav", "older"), upload("call 1+é.wav", "newer")
    poison, lost, twice = upload("poison.wav", "x"), upload("lost.wav", "y"), upload("twice.wav", "z")
    pinned = s3.put_object(Bucket=RECORDINGS, Key="pinned.wav", Body=b"w")
    for version in (first, second):
        result(f"transcripts/call 1+é.wav/{version}.json")
        result(f"transcripts/call 1+é.wav/{version}.txt", "words")
    result("transcripts/call 1+é.wav/latest.json")
    result(f"failed/poison.wav/{poison}.json", '{"error": {"code": "bad_audio"}}')
    result(f"transcripts/twice.wav/{twice}.json")
    result(f"transcripts/twice.wav/{twice}.json")
    result(f"running/lost.wav/{lost}.json")
    result(f"transcripts/pinned.wav/{pinned['VersionId']}.json")
    accounts = reconcile(s3, recordings=RECORDINGS, transcripts=TRANSCRIPTS)
    assert {(account.key, account.version): (account.outcome, account.results) for account in accounts} == {
        ("call 1+é.wav", first): ("transcript", 1),
        ("call 1+é.wav", second): ("transcript", 1),
        ("poison.wav", poison): ("failed: bad_audio", 1),
        ("lost.wav", lost): (LOST, 0),
        ("twice.wav", twice): ("transcript", 2),
        ("pinned.wav", pinned["ETag"].strip('"')): ("transcript", 1),
    }


def test_report_with_a_broken_promise_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """One is enough."""
    report = Report()
    report.check("nothing is lost", "0 lost", kept=True)
    assert report.kept
    report.check("nothing is done twice", "1 duplicate", kept=False)
    assert not report.kept
    report.print()
    kept, broken = capsys.readouterr().out.splitlines()
    assert kept.split() == ["ok", "nothing", "is", "lost", "0", "lost"]
    assert broken.startswith("  BROKEN  nothing is done twice ")
