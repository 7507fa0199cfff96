"""The metrics of a minute, as CloudWatch has them: the queue's counts and age, and what the workers wrote to their logs."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from local.arithmetic import Number
from local.scaling import GAUGES, Metric
from service.batch.events import Upload
from service.batch.results import ResultKeys
from service.contract import Gauge

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Those in seconds. A cloud whose minutes are short measures these in short seconds, too.
TIMES = (Gauge.CALL_SECONDS, Gauge.REST_SECONDS)
# At most this share of the time is spent on looking for the oldest recording, however large the buckets are.
LOOK_SHARE = 0.1


class Told:
    """What workers write to their logs in embedded metric format.

    Each reports at least once in a minute of CloudWatch. Minutes may be shorter here: a worker's last report stands for all
    that follow, until the next one.
    """

    def __init__(self) -> None:
        self._read: dict[Path, int] = {}
        self._last: dict[Path, dict[str, list[float]]] = {}

    def averages(self, logs: Iterable[Path], *, scale: float = 1.0) -> dict[Metric, Number]:
        """The average of each gauge, over the logs of running workers; None if none told it.

        Times are multiplied by `scale`.
        """
        for log in (logs := list(logs)):
            for line in self._lines(log):
                if line.keys() & {*Gauge}:
                    self._last[log] = line
        lines = [self._last.get(log, {}) for log in logs]
        values = {gauge: [value for line in lines for value in line.get(gauge, ())] for gauge in Gauge}
        return {
            GAUGES[gauge]: fmean(found) * (scale if gauge in TIMES else 1.0) if found else None
            for gauge, found in values.items()
        }

    def _lines(self, log: Path) -> Iterator[dict[str, list[float]]]:
        """The complete new lines of a log that hold metrics."""
        with log.open("rb") as file:
            file.seek(self._read.get(log, 0))
            text, _, rest = file.read().rpartition(b"\n")
            self._read[log] = file.tell() - len(rest)
        for line in text.splitlines():
            if line.startswith(b'{"_aws"'):
                yield json.loads(line)


class Oldest:
    """The age of the oldest recording without a result: SQS tells it to CloudWatch only."""

    def __init__(self, s3: "S3Client", *, recordings: str, transcripts: str) -> None:
        self._s3, self._recordings, self._transcripts = s3, recordings, transcripts
        self._since: float | None = None
        self._again = 0.0

    def seconds(self) -> float:
        """Seconds since its upload; 0 if every recording has a result."""
        began = time.monotonic()
        if began >= self._again:
            self._since = min(self._unfinished(), default=None)
            self._again = time.monotonic() + (time.monotonic() - began) / LOOK_SHARE
        return 0.0 if self._since is None else max(0.0, time.time() - self._since)

    def _unfinished(self) -> Iterator[float]:
        listed = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._transcripts)
        done = {entry["Key"] for page in listed for entry in page.get("Contents", ())}
        versions = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._recordings)
        for version in (version for page in versions for version in page.get("Versions", ())):
            # Unlike AWS's, the emulator's events name no version, so that the entity tag identifies it.
            keys = ResultKeys(Upload(bucket=self._recordings, key=version["Key"], etag=version["ETag"].strip('"')))
            if not {keys.transcript, keys.failure} & done:
                yield version["LastModified"].timestamp()
