"""The part of the rehearsal in which ECS wants to stop workers: it refuses to protect them, and a deployment replaces them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from local.cloud import Cloud
from local.report import Report
from local.results import transcripts
from service.settings import Settings

# Short, so that the rehearsal need not wait for long; a promise about the end of a deployment follows from it.
SESSION_SECONDS = 15
# The queue is kept at this many waiting messages: more than the lanes of the whole fleet can take between two ticks.
WAITING = 6
# How long it is watched that no message is taken.
QUIET_SECONDS = 3.0
NEW_IMAGE = "sha256:" + "1" * 64
FOLDER = "2026-11-22"


class Replacement:
    """Refuses protection and deploys, both while the queue is full.

    Args:
        cloud: with a fleet at work.
        upload: puts a call under a key.
    """

    def __init__(self, cloud: Cloud, *, upload: Callable[[str], object]) -> None:
        self._cloud, self._upload = cloud, upload
        self._uploaded = 0
        settings = Settings.from_environ(cloud.worker.environ)
        self._within = settings.session_seconds + settings.rest_seconds + settings.stop_timeout_seconds

    def refuse(self, report: Report) -> None:
        """ECS refuses every request: each worker finishes its messages, and takes no other until it is granted one."""
        cloud = self._cloud
        with self._full():
            cloud.wait(lambda: self._protected() > 0, seconds=self._within, awaited="a worker to be at work")
            cloud.agent.blocked = lambda _: True
            cloud.say("blocked", "every request for protection")
            cloud.wait(lambda: cloud.messages()[1] == 0, seconds=self._within, awaited="the workers to pause")
            before = self._taken()
            began = time.monotonic()
            cloud.wait(
                lambda: time.monotonic() - began > QUIET_SECONDS, seconds=self._within, awaited="a moment without work"
            )
            taken = self._taken() - before
        waiting, _ = cloud.messages()
        found = f"{taken} taken of {waiting} that wait, after {cloud.agent.refused} refusals"
        report.check(
            "refused protection: finish, then pause", found, kept=taken == 0 < min(waiting, cloud.agent.refused)
        )
        cloud.agent.blocked = cloud.blocked
        cloud.wait(lambda: self._protected() > 0, seconds=self._within, awaited="a worker to be protected again")

    def deploy(self, report: Report) -> None:
        """Replace every worker in the middle of a full backlog, in which its lanes are never idle together."""
        cloud = self._cloud
        with self._full():
            cloud.wait(lambda: self._protected() > 1, seconds=self._within, awaited="two workers to be at work")
            cloud.deploy(image=NEW_IMAGE)
            cloud.say(
                "deployed", f"{NEW_IMAGE[:12]} to {len(cloud.workers)} workers, {self._protected()} of them at work"
            )
            began, fewest = time.monotonic(), WAITING

            def ended() -> bool:
                nonlocal fewest
                fewest = min(fewest, cloud.messages()[0])
                return not cloud.fleet.service.deploying

            cloud.wait(ended, seconds=2 * self._within, awaited="the deployment to end")
            took = time.monotonic() - began
        report.check(
            "a deployment in a full backlog ends in time",
            f"{took:.0f} s of {self._within}, {fewest} or more messages waiting",
            kept=took <= self._within and fewest > 0,
        )

    def conclude(self, report: Report) -> None:
        """The new version has worked, too; what it and the old one left is counted with everything else."""
        images = [self._image(entry["Key"]) for entry in transcripts(self._cloud.s3, self._cloud.transcripts)]
        new = images.count(NEW_IMAGE)
        report.check(
            "old and new version have both worked", f"{len(images) - new} and {new}", kept=0 < new < len(images)
        )

    @contextmanager
    def _full(self) -> Iterator[None]:
        """Keep the queue full for the block."""
        self._cloud.watchers.append(self._feed)
        try:
            yield
        finally:
            self._cloud.watchers.remove(self._feed)

    def _feed(self) -> None:
        for _ in range(WAITING - self._cloud.messages()[0]):
            self._uploaded += 1
            self._upload(f"{FOLDER}/call-{self._uploaded}.wav")

    def _protected(self) -> int:
        return sum(worker.protected for worker in self._cloud.workers)

    def _taken(self) -> int:
        """Messages that were put on the queue during the replacement and left it."""
        return self._uploaded - sum(self._cloud.messages())

    def _image(self, key: str) -> str:
        document = json.loads(self._cloud.s3.get_object(Bucket=self._cloud.transcripts, Key=key)["Body"].read())
        return str(document["provenance"]["image"])
