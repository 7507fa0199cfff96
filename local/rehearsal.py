"""`make rehearse`: the batch path from upload to transcript with its usual faults, and the reconciliation at the end."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2

from local import canary
from local.cloud import Cloud, running_cloud
from local.deploy import ROOT
from local.processes import Process
from local.relief import relieve
from local.replacement import SESSION_SECONDS, Replacement
from local.report import Report
from local.results import count_transcribed, count_writes, transcripts
from local.stages import Clock, Stages
from service.batch import results
from service.batch.events import Upload, announcement
from service.batch.results import ResultKeys
from service.settings import variable

CALLS = ROOT / "demo" / "calls"
FIRST_CALL, SECOND_CALL = "rendez-vous.wav", "voicemail.wav"
FIRST, POISON = "2026-11-20/call.wav", "2026-11-20/poison.wav"
# How long a minute of the scaling takes.
MINUTE_SECONDS = 1.0
# Longer than the visibility timeout, after which a killed worker's messages come back.
PATIENCE_SECONDS = 150


def rehearse(folder: Path, *, overrides: Mapping[str, str], golden: Path | None = None) -> bool:
    """Play and print all of it; whether every promise was kept.

    Args:
        folder: for the files of the cloud.
        overrides: variables that replace the tasks' synthesized ones.
        golden: a folder with a golden call that the model understands; None for the service's own.

    Raises:
        LocalError: an awaited event did not happen in time.
    """
    clock, report = Clock(), Report()
    short = {variable("session_seconds"): str(SESSION_SECONDS), variable("report_seconds"): "1", **overrides}
    with running_cloud(folder, minute_seconds=MINUTE_SECONDS, say=clock.say, overrides=short) as cloud:
        stages = Stages(cloud)
        cloud.watchers.append(stages.look)
        _wake(cloud, report)
        newest = _fill(cloud)
        _kill(cloud, report)
        _interrupt(cloud, report)
        _ask(cloud, report)
        replacement = Replacement(cloud, upload=lambda name: _upload(cloud, name, CALLS / FIRST_CALL))
        replacement.refuse(report)
        replacement.deploy(report)
        _settle(cloud, stages, report)
        replacement.conclude(report)
        relieve(cloud, report)
        canary.prove(cloud, report, golden=golden)
        outcomes = _conclude(cloud, report, newest=newest)
    print(f"\nThe outcomes after {clock.seconds:.0f} s:\n")
    for row in outcomes:
        print(f"  {row['recording']:<40} {row['version'][:8]}  {row['state']:<7} {row.get('code', '')}".rstrip())
    print()
    report.print()
    return report.kept


def _wake(cloud: Cloud, report: Report) -> None:
    """One message starts the first worker."""
    began = time.monotonic()
    _upload(cloud, FIRST, CALLS / FIRST_CALL)
    cloud.wait(lambda: len(_results(cloud)) == 1, seconds=PATIENCE_SECONDS, awaited="the first transcript")
    report.check(
        "one message starts the first worker", f"{time.monotonic() - began:.0f} s to its transcript", kept=True
    )


def _fill(cloud: Cloud) -> str:
    """Upload two agents' calls, a file that is no recording, and a new version of the first call; repeat its event.

    Returns:
        Entity tag of the first call's new version.
    """
    for agent in ("agent 7", "agent 8+é"):
        for path in sorted(path for path in CALLS.iterdir() if path.suffix != ".json"):
            _upload(cloud, f"2026-11-21/{agent}/{path.name}", path)
    _upload(cloud, POISON, Path(__file__))
    (result,) = _results(cloud)
    document = cloud.s3.get_object(Bucket=cloud.transcripts, Key=result)["Body"].read()
    repeated = results.read_upload(document)
    cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=announcement(repeated))
    cloud.say("repeated", f"the event of {FIRST}")
    return _upload(cloud, FIRST, CALLS / SECOND_CALL)


def _kill(cloud: Cloud, report: Report) -> None:
    """A worker dies in the middle of a call; its messages come back after the visibility timeout."""
    left: set[str] = set()
    for _ in range(3):
        victim = _busy(cloud)
        victim.kill()
        cloud.say("killed", f"{victim.name} with SIGKILL")
        # Marked as running, though the worker is dead.
        left = {key for key in _running(cloud) if key.replace("running/", "transcripts/", 1) not in _results(cloud)}
        if left:
            break
    report.check("a worker is killed in the middle of its calls", f"{len(left)} left behind", kept=bool(left))


def _interrupt(cloud: Cloud, report: Report) -> None:
    """A Spot interruption: SIGTERM, and SIGKILL after the stop timeout."""
    victim = _busy(cloud)
    began = time.monotonic()
    victim.stop()
    cloud.say("interrupted", f"{victim.name} with SIGTERM")
    cloud.wait(lambda: victim.exit_code is not None, seconds=PATIENCE_SECONDS, awaited=f"{victim.name} to stop")
    found = f"ended with {victim.exit_code} after {time.monotonic() - began:.0f} s"
    cloud.say("stopped", f"{victim.name} {found}")
    report.check("an interrupted worker ends by itself and in time", found, kept=victim.exit_code == 0)


def _ask(cloud: Cloud, report: Report) -> None:
    """The API answers while the backlog is worked off."""
    cloud.wait(cloud.ready, seconds=PATIENCE_SECONDS, awaited="the API to be ready")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(_post, cloud)
        cloud.wait(answer.done, seconds=PATIENCE_SECONDS, awaited="the API's answer")
    status, seconds = answer.result()
    cloud.say("answered", f"{status} for {SECOND_CALL} over HTTP")
    report.check("the API answers during the backlog", f"{status} in {seconds:.1f} s", kept=status == 200)


def _settle(cloud: Cloud, stages: Stages, report: Report) -> None:
    """The queue becomes empty, and then the fleet ends."""
    cloud.wait(lambda: cloud.messages() == (0, 0), seconds=PATIENCE_SECONDS, awaited="the queue to be empty")
    cloud.wait(lambda: not cloud.workers, seconds=PATIENCE_SECONDS, awaited="the fleet to be empty")
    report.check("the fleet grows with the backlog and shrinks to zero", f"0 → {cloud.peak} → 0", kept=cloud.peak > 1)
    again = sum(attempt > 1 for attempt in stages.attempts.values())
    report.check("a killed worker's calls are taken up again", f"{again} second attempts", kept=again > 0)


def _conclude(cloud: Cloud, report: Report, *, newest: str) -> list[dict[str, Any]]:
    """Every upload is a transcript or a named failure, and none has two results; the outcomes, as an operator sees them.

    The operator's `jobs reconcile` says which uploads are accounted for. It cannot see a result that was written again,
    so the writes are counted here.
    """
    code, (*_, tally) = cloud.jobs("reconcile")
    _, outcomes = cloud.jobs("list", "--done", "--partial", "--unheard", "--failed")
    twice = count_writes(cloud.s3, cloud.transcripts) - count_transcribed(tally) - tally["failed"]
    lost = tally["unaccounted"]
    report.check("every upload is a transcript or a named failure", f"{lost} lost", kept=code == 0 and lost == 0)
    report.check("no upload has two results", f"{twice} duplicate", kept=twice == 0)
    failed = [row for row in outcomes if row["state"] == "failed"]
    report.check(
        "the file that is no recording failed, and nothing else did",
        ", ".join(row["code"] for row in failed),
        kept=[row["recording"] for row in failed] == [POISON],
    )
    letters = sum(cloud.messages("DeadLetterQueueUrl"))
    report.check("no message is a dead letter", f"{letters} dead letters", kept=letters == 0)
    latest = ResultKeys(Upload(bucket=cloud.recordings, key=FIRST)).latest
    pointer = results.read_upload(cloud.s3.get_object(Bucket=cloud.transcripts, Key=latest)["Body"].read())
    report.check("latest points to the newest version", pointer.version[:8], kept=pointer.etag == newest)
    return outcomes


def _busy(cloud: Cloud) -> Process:
    """A worker that has held a call for two ticks, so that it is in the middle of it."""
    found: list[Process] = []

    def look() -> bool:
        known = list(found)
        found[:] = [worker for worker in cloud.workers if worker.protected and not worker.stopping]
        return any(worker in known for worker in found)

    cloud.wait(look, seconds=PATIENCE_SECONDS, awaited="a worker to be at work")
    return found[0]


def _upload(cloud: Cloud, key: str, path: Path) -> str:
    """Upload a file; the entity tag of its content."""
    written = cloud.s3.put_object(Bucket=cloud.recordings, Key=key, Body=path.read_bytes())
    cloud.say("uploaded", key)
    return written["ETag"].strip('"')


def _results(cloud: Cloud) -> set[str]:
    """Keys of the transcripts so far."""
    return {entry["Key"] for entry in transcripts(cloud.s3, cloud.transcripts)}


def _running(cloud: Cloud) -> list[str]:
    """Keys that mark recordings as being transcribed."""
    listed = cloud.s3.list_objects_v2(Bucket=cloud.transcripts, Prefix="running/")
    return [entry["Key"] for entry in listed.get("Contents", ())]


def _post(cloud: Cloud) -> tuple[int, float]:
    """Send a call to the API; the status of the answer, and how many seconds it took."""
    began = time.monotonic()
    with httpx2.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client, (CALLS / SECOND_CALL).open("rb") as file:
        answer = client.post(
            f"{cloud.url}/transcribe", files={"audio_file": file}, headers={"Authorization": f"Bearer {cloud.key}"}
        )
    return answer.status_code, time.monotonic() - began
