"""One scenario, measured on the local cloud with real worker processes."""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from benchmarks.stress.scenarios import Scenario
from local.cloud import Cloud
from local.paced import paced, tone
from local.results import transcripts
from local.scaling import AGE, GAUGES, WAITING, WORKING
from service.contract import Gauge
from stacks.capacity.simulation import Sample
from stacks.environments import Environment

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

# A minute of the plan.
MINUTE_SECONDS = 0.25
# Seconds of the plan in a second of the measurement.
SCALE = 60 / MINUTE_SECONDS
PATIENCE_SECONDS = 240
DELETE_AT_ONCE = 500
# A worker's log line once it takes messages.
READY = '"message": "ready"'


@dataclass(kw_only=True)
class Measured:
    """A scenario as it went; times in seconds of the plan, from the first upload on.

    Attributes:
        arrivals: when each call was uploaded.
        drained: when the last transcript was written.
        start_seconds: from the start of a worker until it took messages, the median.
        pace: seconds of audio in a second of work, as the workers told it, the median.
        samples: one for each minute.
    """

    arrivals: Sequence[float]
    drained: float = 0.0
    start_seconds: float = 0.0
    pace: float = 0.0
    samples: list[Sample] = field(default_factory=list)


class Bench:
    """Plays scenarios, one after the other, on a cloud whose workers have the plan's own speed.

    Args:
        cloud: without a task of the API, which the scenarios do not need.
        environment: that the cloud was deployed from.
    """

    def __init__(self, cloud: Cloud, environment: Environment) -> None:
        self._cloud, self._environment = cloud, environment
        workload, speed = environment.workload, environment.plan.speed
        self._call = tone(60 * workload.talk_minutes_per_call / SCALE)
        pace = cloud.folder / "pace"
        pace.write_text(str(speed.audio_seconds_per_second))
        cloud.deploy_worker(paced(cloud.worker, pace))
        cloud.watchers.append(self._look)
        self._seen: object = None
        self._began = 0.0
        self._paces: list[float] = []
        # When each worker was first seen, and when it took messages.
        self._asked: dict[str, float] = {}
        self._ready: dict[str, float] = {}
        self._measured = Measured(arrivals=())

    def measure(self, scenario: Scenario, *, number: int = 1) -> Measured:
        """Play a scenario on an empty queue with no task; at the end both are empty again."""
        cloud, folder = self._cloud, f"{scenario.name}-{number}/"
        cloud.fleet.service.granted = scenario.granted
        self._paces, self._measured = [], Measured(arrivals=())
        self._began, arrivals = time.time(), []
        self._asked, self._ready = {}, {}
        for call, due in enumerate(scenario.arrivals):
            while (time.time() - self._began) * SCALE < due:
                cloud.tick()
            arrivals.append((time.time() - self._began) * SCALE)
            cloud.s3.put_object(Bucket=cloud.recordings, Key=f"{folder}{call}.wav", Body=self._call)
            if due:
                cloud.tick()
        cloud.wait(lambda: cloud.messages() == (0, 0), seconds=PATIENCE_SECONDS, awaited="the queue to be empty")
        written = [entry["LastModified"].timestamp() for entry in self._transcripts(folder)]
        if len(written) != len(arrivals):
            raise RuntimeError(f"{scenario.name}: got {len(written)} transcripts, expected {len(arrivals)}")
        measured = self._measured
        self._measured = Measured(arrivals=())
        cloud.wait(
            lambda: not (cloud.workers or any(fleet.service.wanted for fleet in cloud.fleets.values())),
            seconds=PATIENCE_SECONDS,
            awaited="the fleet to be empty",
        )
        self._empty_buckets()
        return replace(
            measured,
            arrivals=arrivals,
            drained=(max(written) - self._began) * SCALE,
            start_seconds=statistics.median(self._ready[name] - self._asked[name] for name in self._ready) * SCALE,
            pace=statistics.median(self._paces),
        )

    def _transcripts(self, folder: str) -> Iterator[dict[str, Any]]:
        return transcripts(self._cloud.s3, self._cloud.transcripts, recordings=folder)

    def _look(self) -> None:
        """Note when workers are ready, and keep the metrics of each minute once."""
        cloud, plan = self._cloud, self._environment.plan
        for task in cloud.workers:
            self._asked.setdefault(task.name, time.monotonic())
            if task.name not in self._ready and READY in task.log.read_text():
                self._ready[task.name] = time.monotonic()
        if cloud.observed is self._seen:
            return
        self._seen, told = cloud.observed, cloud.observed
        waiting, working = int(told[WAITING] or 0), int(told[WORKING] or 0)
        call = told[GAUGES[Gauge.CALL_SECONDS]] or 60 * self._environment.workload.talk_minutes_per_call
        rest = told[GAUGES[Gauge.REST_SECONDS]]
        pace = told[GAUGES[Gauge.PACE]]
        if pace:
            self._paces.append(pace)
        ready = {
            name: sum(task.name in self._ready for task in fleet.service.staying)
            for name, fleet in cloud.fleets.items()
        }
        speed = sum(ready.values()) * (pace or plan.speed.audio_seconds_per_second)
        backlog = waiting * call + working * (call if rest is None else rest)
        now, due = (time.time() - self._began) * SCALE, 3600 * self._environment.workload.window_hours
        self._measured.samples.append(
            Sample(
                now,
                waiting,
                working,
                backlog,
                told[AGE] or 0.0,
                ready["workers"],
                ready.get("relief", 0),
                cloud.fleet.service.wanted,
                due - now - backlog / (speed or plan.speed.audio_seconds_per_second),
                speed,
            )
        )

    def _empty_buckets(self) -> None:
        """Delete every version, so that looking for the oldest recording stays fast."""
        s3 = self._cloud.s3
        for bucket in (self._cloud.recordings, self._cloud.transcripts):
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                objects: list[ObjectIdentifierTypeDef] = [
                    {"Key": each["Key"], "VersionId": each["VersionId"]} for each in found
                ]
                for begin in range(0, len(objects), DELETE_AT_ONCE):
                    s3.delete_objects(Bucket=bucket, Delete={"Objects": objects[begin : begin + DELETE_AT_ONCE]})
