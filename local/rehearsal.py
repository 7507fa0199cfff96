"""`make rehearse`: the batch path from upload to transcript, through what usually goes wrong, and the account at the end."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path

import httpx2

from local.cloud import Cloud, running_cloud
from local.deploy import ROOT
from local.processes import Process
from local.reconcile import LOST, Account, reconcile
from local.stages import Clock, Stages
from service.batch import results
from service.batch.events import Upload, announcement

CALLS = ROOT / "demo" / "calls"
FIRST_CALL, SECOND_CALL = "rendez-vous.wav", "voicemail.wav"
FIRST, POISON = "2026-11-20/call.wav", "2026-11-20/poison.wav"
# How long a minute of the scaling takes.
MINUTE_SECONDS = 1.0
# More than the visibility timeout, after which what a killed worker had comes back.
PATIENCE_SECONDS = 150


@dataclass(kw_only=True)
class Report:
    """Promises, and whether each was kept."""

    lines: list[tuple[str, str, bool]] = field(default_factory=list)

    def check(self, promise: str, found: object, *, kept: bool) -> None:
        """Note what was found of a promise."""
        self.lines.append((promise, str(found), kept))

    @property
    def kept(self) -> bool:
        """Whether every promise was."""
        return all(kept for _, _, kept in self.lines)

    def print(self) -> None:
        """Print the table."""
        for promise, found, kept in self.lines:
            print(f"  {'ok    ' if kept else 'BROKEN'}  {promise:<58} {found}")


def rehearse(folder: Path) -> bool:
    """Play everything, print it, and say whether every promise was kept.

    Raises:
        LocalError: something did not happen in time.
    """
    clock, report = Clock(), Report()
    with running_cloud(folder, minute_seconds=MINUTE_SECONDS, say=clock.say) as cloud:
        stages = Stages(cloud)
        cloud.watchers.append(stages.look)
        _wake(cloud, report)
        _fill(cloud)
        _kill(cloud, report)
        _interrupt(cloud, report)
        _ask(cloud, report)
        _settle(cloud, stages, report)
        accounts = reconcile(cloud.s3, recordings=cloud.recordings, transcripts=cloud.transcripts)
        _conclude(cloud, accounts, report)
    print(f"\nAfter {clock.seconds:.0f} s, of {len(accounts)} uploads:\n")
    for account in accounts:
        print(f"  {account.key:<40} {account.version[:8]}  {account.outcome}")
    print()
    report.print()
    return report.kept


def _wake(cloud: Cloud, report: Report) -> None:
    """One message wakes a fleet of none."""
    began = time.monotonic()
    _upload(cloud, FIRST, CALLS / FIRST_CALL)
    cloud.wait(lambda: len(_results(cloud)) == 1, seconds=PATIENCE_SECONDS, what="the first transcript")
    report.check("one message wakes a fleet of none", f"{time.monotonic() - began:.0f} s to its transcript", kept=True)


def _fill(cloud: Cloud) -> None:
    """Every call of two agents, what is no call, the first call's event once more, and its recording anew."""
    for agent in ("agent 7", "agent 8+é"):
        for path in sorted(path for path in CALLS.iterdir() if path.suffix != ".json"):
            _upload(cloud, f"2026-11-21/{agent}/{path.name}", path)
    _upload(cloud, POISON, Path(__file__))
    (result,) = _results(cloud)
    document = cloud.s3.get_object(Bucket=cloud.transcripts, Key=result)["Body"].read()
    facts = results.read_recording(document)
    repeated = Upload(**{field.name: facts[field.name] for field in fields(Upload)})
    cloud.sqs.send_message(QueueUrl=cloud.queue, MessageBody=announcement(repeated))
    cloud.say("repeated", f"the event of {FIRST}")
    _upload(cloud, FIRST, CALLS / SECOND_CALL)


def _kill(cloud: Cloud, report: Report) -> None:
    """A worker dies in the middle of a call: nobody hears of it, and its messages come back by themselves."""
    left: set[str] = set()
    for _ in range(3):
        victim = _busy(cloud)
        victim.kill()
        cloud.say("killed", f"{victim.name} with SIGKILL")
        # What says that somebody is at it, and nobody is.
        left = {
            key for key in _keys(cloud, "running/") if key.replace("running/", "transcripts/", 1) not in _results(cloud)
        }
        if left:
            break
    report.check("a worker is killed in the middle of its calls", f"{len(left)} left behind", kept=bool(left))


def _interrupt(cloud: Cloud, report: Report) -> None:
    """Spot takes a task back: SIGTERM, and SIGKILL after the stop timeout."""
    victim = _busy(cloud)
    began = time.monotonic()
    victim.stop()
    cloud.say("interrupted", f"{victim.name} with SIGTERM")
    cloud.wait(lambda: victim.exit_code is not None, seconds=PATIENCE_SECONDS, what=f"{victim.name} to stop")
    found = f"ended with {victim.exit_code} after {time.monotonic() - began:.0f} s"
    cloud.say("stopped", f"{victim.name} {found}")
    report.check("an interrupted worker ends in time, by itself", found, kept=victim.exit_code == 0)


def _ask(cloud: Cloud, report: Report) -> None:
    """The API answers meanwhile."""
    cloud.wait(cloud.ready, seconds=PATIENCE_SECONDS, what="the API to be ready")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(_post, cloud)
        cloud.wait(answer.done, seconds=PATIENCE_SECONDS, what="the API's answer")
    status, seconds = answer.result()
    cloud.say("answered", f"{status} for {SECOND_CALL} over HTTP")
    report.check("the API answers meanwhile", f"{status} in {seconds:.1f} s", kept=status == 200)


def _settle(cloud: Cloud, stages: Stages, report: Report) -> None:
    """The queue becomes empty, and then the fleet."""
    cloud.wait(lambda: cloud.messages() == (0, 0), seconds=PATIENCE_SECONDS, what="the queue to be empty")
    cloud.wait(lambda: not cloud.workers, seconds=PATIENCE_SECONDS, what="the fleet to be empty")
    report.check("the fleet grows with the backlog, and shrinks to none", f"0 → {cloud.peak} → 0", kept=cloud.peak > 1)
    again = sum(attempt > 1 for attempt in stages.attempts.values())
    report.check("what a killed worker had is taken up again", f"{again} second attempts", kept=again > 0)


def _conclude(cloud: Cloud, accounts: Sequence[Account], report: Report) -> None:
    """Every upload is a transcript or a named failure, and none is either twice."""
    lost = sum(account.outcome == LOST for account in accounts)
    twice = sum(account.results > 1 for account in accounts)
    failed = [account for account in accounts if account.outcome.startswith("failed")]
    report.check("every upload is a transcript or a named failure", f"{lost} lost", kept=lost == 0)
    report.check("no upload has two results", f"{twice} duplicate", kept=twice == 0)
    report.check(
        "what is no call has a named failure, and nothing else has",
        ", ".join(account.outcome for account in failed),
        kept=[account.key for account in failed] == [POISON],
    )
    letters = sum(cloud.messages("DeadLetterQueueUrl"))
    report.check("no message is a dead letter", f"{letters} dead letters", kept=letters == 0)
    newest = [account.version for account in accounts if account.key == FIRST][-1]
    latest = f"transcripts/{FIRST}/latest.json"
    known = results.read_recording(cloud.s3.get_object(Bucket=cloud.transcripts, Key=latest)["Body"].read())
    report.check("latest is the newest version", known["version"][:8], kept=known["version"] == newest)
    operator = cloud.jobs("reconcile")
    report.check("an operator's `jobs reconcile` finds all of it", f"ended with {operator}", kept=operator == 0)


def _busy(cloud: Cloud) -> Process:
    """A worker with a call in hand, for long enough to be in the middle of it."""
    found: list[Process] = []

    def look() -> bool:
        known = list(found)
        found[:] = [worker for worker in cloud.workers if worker.protected and not worker.stopping]
        return any(worker in known for worker in found)

    cloud.wait(look, seconds=PATIENCE_SECONDS, what="a worker to be at work")
    return found[0]


def _upload(cloud: Cloud, key: str, path: Path) -> None:
    cloud.s3.put_object(Bucket=cloud.recordings, Key=key, Body=path.read_bytes())
    cloud.say("uploaded", key)


def _results(cloud: Cloud) -> set[str]:
    """Keys of the transcripts that are there."""
    return {key for key in _keys(cloud, "transcripts/") if key.endswith(".json") and not key.endswith("/latest.json")}


def _keys(cloud: Cloud, prefix: str) -> list[str]:
    return [
        entry["Key"] for entry in cloud.s3.list_objects_v2(Bucket=cloud.transcripts, Prefix=prefix).get("Contents", ())
    ]


def _post(cloud: Cloud) -> tuple[int, float]:
    """Send a call to the API; its status and the seconds that it took."""
    began = time.monotonic()
    with httpx2.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client, (CALLS / SECOND_CALL).open("rb") as file:
        answer = client.post(
            f"{cloud.url}/transcribe", files={"audio_file": file}, headers={"Authorization": f"Bearer {cloud.key}"}
        )
    return answer.status_code, time.monotonic() - began
