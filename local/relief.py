"""The part of the rehearsal in which Spot grants a quarter of its tasks: relief on demand joins, and leaves again."""

from local.cloud import Cloud
from local.paced import paced, tone
from local.report import Report
from stacks.capacity.relief import SPOT_SHARE

# Relief joins after half an hour, which would be too long at the pace of the other parts.
MINUTE_SECONDS = 0.2
# Seconds of audio in a second of a worker: those of the plan, at which a dozen long calls are too many for the window, and
# so many that they are done at once.
PLANNED, FAST = 0.5, 50.0
CALLS, CALL_SECONDS = 12, 12.0
FOLDER = "2026-11-23"
PATIENCE_SECONDS = 90


def relieve(cloud: Cloud, report: Report) -> None:
    """Calls arrive that Spot cannot finish in time: the relief does it.

    Args:
        cloud: with no message and no task; it is left so.
        report: gets the promises.
    """
    if not cloud.relief:
        report.check("relief joins when Spot falls short", "no relief in this environment", kept=False)
        return
    spot, relief = cloud.fleet.service, cloud.relief.service
    pace = cloud.folder / "pace"
    pace.write_text(str(PLANNED))
    before = cloud.worker, cloud.minute_seconds, spot.granted
    cloud.minute_seconds, spot.granted = MINUTE_SECONDS, int(SPOT_SHARE * cloud.fleet.most)
    cloud.deploy_worker(paced(cloud.worker, pace))
    cloud.say("shortage", f"Spot grants {spot.granted} of {cloud.fleet.most} tasks")
    for number in range(CALLS):
        cloud.s3.put_object(Bucket=cloud.recordings, Key=f"{FOLDER}/call-{number}.wav", Body=tone(CALL_SECONDS))
    cloud.wait(lambda: len(relief.tasks) > 1, seconds=PATIENCE_SECONDS, awaited="the relief to join")
    joined = len(relief.tasks)
    report.check(
        "relief joins when Spot falls short", f"{len(spot.tasks)} on Spot, {joined} on demand", kept=joined > 1
    )
    pace.write_text(str(FAST))
    cloud.wait(lambda: cloud.messages() == (0, 0), seconds=PATIENCE_SECONDS, awaited="the relieved queue to be empty")
    asleep = "both fleets to be empty"
    cloud.wait(lambda: not (cloud.workers or spot.wanted), seconds=PATIENCE_SECONDS, awaited=asleep)
    report.check("relief leaves when nothing waits", f"{joined} → {relief.wanted}", kept=relief.wanted == 0)
    worker, cloud.minute_seconds, spot.granted = before
    cloud.deploy_worker(worker)
