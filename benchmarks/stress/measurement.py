"""One scenario, measured on the local cloud with real worker processes."""

import json
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from benchmarks.stress.scenarios import Scenario
from local.cloud import Cloud
from local.paced import paced, tone
from local.results import transcripts
from local.scaling import AGE, GAUGES, WAITING, WORKING
from service.contract import Gauge, Metric
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
# In the line of a finished call.
FACTOR = f'"{Metric.REAL_TIME_FACTOR}": '


@dataclass(kw_only=True)
class Measured:
    """A scenario as it went; times in seconds of the plan, from the first upload on.

    Attributes:
        arrivals: when each call was uploaded.
        written: when each transcript was written, in order.
        start_seconds: from the start of a worker until it took messages, the median.
        pace: seconds of audio in a second of work, of all calls together, as the workers told it.
        samples: one for each minute.
    """

    arrivals: Sequence[float]
    written: Sequence[float] = ()
    start_seconds: float = 0.0
    pace: float = 0.0
    samples: list[Sample] = field(default_factory=list)

    @property
    def drained(self) -> float:
        """When the last transcript was written."""
        return self.written[-1]

    @property
    def seconds_per_call(self) -> float:
        """Between two transcripts, without those that the first ones waited for."""
        return (self.written[-1] - self.written[1]) / (len(self.written) - 2)


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
        # When each worker was first seen, and when it took messages.
        self._asked: dict[str, float] = {}
        self._ready: dict[str, float] = {}
        self._measured = Measured(arrivals=())

    def measure(self, scenario: Scenario, *, number: int = 1) -> Measured:
        """Play a scenario on an empty queue with no task; at the end both are empty again."""
        cloud, folder = self._cloud, f"{scenario.name}-{number}/"
        cloud.fleet.service.granted = scenario.granted
        self._measured = Measured(arrivals=())
        self._began = time.time()
        self._asked, self._ready = {}, {}
        # The scaling goes on meanwhile.
        with ThreadPoolExecutor(1) as pool:
            uploading = pool.submit(self._upload, scenario, folder)
            cloud.wait(
                lambda: uploading.done() and cloud.messages() == (0, 0),
                seconds=PATIENCE_SECONDS,
                awaited="the queue to be empty",
            )
        arrivals = uploading.result()
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
            written=sorted((each - self._began) * SCALE for each in written),
            start_seconds=statistics.median(self._ready[name] - self._asked[name] for name in self._ready) * SCALE,
            pace=self._pace(),
        )

    def _upload(self, scenario: Scenario, folder: str) -> Sequence[float]:
        """Upload each call when it is due; when they were."""
        arrivals = []
        for call, due in enumerate(scenario.arrivals):
            time.sleep(max(0.0, self._began + due / SCALE - time.time()))
            arrivals.append((time.time() - self._began) * SCALE)
            self._cloud.s3.put_object(Bucket=self._cloud.recordings, Key=f"{folder}{call}.wav", Body=self._call)
        return arrivals

    def _transcripts(self, folder: str) -> Iterator[dict[str, Any]]:
        return transcripts(self._cloud.s3, self._cloud.transcripts, recordings=folder)

    def _look(self) -> None:
        """Note when workers are ready, and keep the metrics of each minute once."""
        cloud, plan = self._cloud, self._environment.plan
        for task in cloud.workers:
            self._asked.setdefault(task.name, time.monotonic())
            if task.name not in self._ready and READY in task.log.read_text():
                self._ready[task.name] = time.monotonic()
        if not cloud.observed or cloud.observed is self._seen:
            return
        self._seen, told = cloud.observed, cloud.observed
        waiting, working = int(told[WAITING] or 0), int(told[WORKING] or 0)
        call = told[GAUGES[Gauge.CALL_SECONDS]] or 60 * self._environment.workload.talk_minutes_per_call
        rest = told[GAUGES[Gauge.REST_SECONDS]]
        pace = told[GAUGES[Gauge.PACE]]
        ready = {
            name: sum(task.name in self._ready for task in fleet.service.staying)
            for name, fleet in cloud.fleets.items()
        }
        speed = sum(ready.values()) * (pace or plan.speed.audio_seconds_per_second)
        backlog = waiting * call + working * (call if rest is None else rest)
        now, due = (time.time() - self._began) * SCALE, 3600 * self._environment.workload.window_hours
        self._measured.samples.append(
            Sample(
                seconds=now,
                waiting=waiting,
                working=working,
                backlog_audio_seconds=backlog,
                oldest_seconds=told[AGE] or 0.0,
                running=ready["workers"],
                relief=ready.get("relief", 0),
                desired=cloud.fleet.service.wanted,
                slack_seconds=due - now - backlog / (speed or plan.speed.audio_seconds_per_second),
                audio_seconds_per_second=speed,
            )
        )

    def _pace(self) -> float:
        """Seconds of audio in a second of work, over every call of the scenario's workers."""
        logs = [self._cloud.folder / "tasks" / f"{name}.log" for name in self._asked]
        lines = [json.loads(line) for log in logs for line in log.read_text().splitlines() if FACTOR in line]
        audio = [float(line[Metric.AUDIO_SECONDS]) for line in lines]
        factors = [float(line[Metric.REAL_TIME_FACTOR]) for line in lines]
        return sum(audio) / sum(length * factor for length, factor in zip(audio, factors, strict=True))

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
