"""The part of the rehearsal in which the environment proves itself: a golden call wakes the fleet, and its words come back."""

import json
from dataclasses import replace
from pathlib import Path

from local.cloud import Cloud
from local.report import Report
from service.contract import CheckMetric
from service.settings import CANARY_FOLDER

# Of the call; a minute of the scaling lasts a second here, and a model is loaded in a few.
WITHIN_SECONDS = 120
# For the program to start and to end.
SPARE_SECONDS = 30


def prove(cloud: Cloud, report: Report, *, golden: Path | None = None) -> None:
    """Run the task that a deployment and the schedule run; with another golden call than its own if a folder is given."""
    asleep = not cloud.workers
    options = ["--within", str(WITHIN_SECONDS), *(("--golden", str(golden)) if golden else ())]
    task = cloud.machine.start(replace(cloud.canary, command=(*cloud.canary.command, *options)))
    cloud.wait(
        lambda: task.exit_code is not None, seconds=WITHIN_SECONDS + SPARE_SECONDS, awaited="the end of the golden call"
    )
    lines = task.log.read_text().splitlines()
    cloud.say("canary", lines[-1].removeprefix("canary: "))
    passed = [json.loads(line)[CheckMetric.PASSED] for line in lines if f'"{CheckMetric.PASSED}":' in line]
    left = [*_keys(cloud, cloud.recordings), *_keys(cloud, cloud.transcripts)]
    report.check(
        "a golden call wakes the fleet, and its words come back",
        f"{lines[-1].rpartition('call ')[2]}; {len(left)} objects left",
        kept=asleep and task.exit_code == 0 and passed == [1] and not left,
    )
    cloud.wait(
        lambda: cloud.messages() == (0, 0), seconds=SPARE_SECONDS, awaited="the golden call's message to be deleted"
    )


def _keys(cloud: Cloud, bucket: str) -> list[str]:
    """The objects of golden calls in a bucket."""
    listed = cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in listed for entry in page.get("Contents", ()) if CANARY_FOLDER in entry["Key"]]
