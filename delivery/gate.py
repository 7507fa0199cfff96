"""The release gate: a task of the new image measures itself on golden recordings, against the last release."""

import time
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, say

# Exit codes of the task.
WORSE, UNUSABLE = 1, 2
POLL_SECONDS = 10.0
TIMEOUT_SECONDS = 3 * 3600.0


def prepared(deployed: DeployedEnvironment) -> None:
    """Refuse a release if there are no golden recordings to measure it with."""
    manifest = deployed.outputs("Gate")["Manifest"]
    if not _exists(deployed, manifest):
        raise Refused(f"golden recordings: got none at {manifest}, expected a manifest; docs/release.md says how")


def measure(deployed: DeployedEnvironment, digest: str, *, poll_s: float = POLL_SECONDS) -> None:
    """Run the gate, and print its table.

    Raises:
        Refused: the image is worse than the last release, or could not be measured.
    """
    stack = deployed.outputs("Gate")
    if (measured := deployed.digest("Gate")) != digest:
        raise Refused(f"gate: got a task of {measured}, expected {digest}")
    latest = f"{stack['Reports']}/latest.json"
    command = ["evaluate", stack["Manifest"], "--against", latest, "--report", _report(stack, digest)]
    if not _exists(deployed, latest):
        say(f"The first release: nothing at {latest} to compare with.")
        command.append("--first-release")
    task = _run(deployed, stack, command)
    say(f"Measuring: {task}")
    code = _wait(deployed, stack, task, poll_s)
    # Its last log lines may arrive late.
    time.sleep(poll_s)
    _print_log(deployed, stack, task)
    if code == WORSE:
        raise Refused("gate: the image is worse than the last release; the table above shows which rates")
    if code == UNUSABLE:
        raise Refused("gate: recordings, manifest or report were refused; the line above says which")
    if code:
        raise Refused(f"gate: the task ended with {code}, expected 0, {WORSE} or {UNUSABLE}")


def record(deployed: DeployedEnvironment, digest: str) -> None:
    """Make this release the one that later releases are compared with."""
    stack = deployed.outputs("Gate")
    bucket, _, key = _report(stack, digest).removeprefix("s3://").partition("/")
    latest = f"{key.rpartition('/')[0]}/latest.json"
    if not _exists(deployed, f"s3://{bucket}/{key}"):
        raise Refused(f"report: got none at s3://{bucket}/{key}, expected the report that the gate wrote")
    deployed.client("s3").copy_object(Bucket=bucket, Key=latest, CopySource={"Bucket": bucket, "Key": key})
    say(f"Releases are compared with s3://{bucket}/{key} from now on.")


def _report(stack: dict[str, str], digest: str) -> str:
    return f"{stack['Reports']}/{digest.removeprefix('sha256:')}.json"


def _exists(deployed: DeployedEnvironment, url: str) -> bool:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    try:
        deployed.client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return False
        raise Refused(f"{url}: cannot be read ({error})") from None
    return True


def _run(deployed: DeployedEnvironment, stack: dict[str, str], command: list[str]) -> str:
    """Start the task; its ARN."""
    started = deployed.client("ecs").run_task(
        cluster=stack["Cluster"],
        taskDefinition=stack["Task"],
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": stack["Subnets"].split(","),
                "securityGroups": [stack["Firewall"]],
                "assignPublicIp": stack["PublicAddress"],
            }
        },
        overrides={"containerOverrides": [{"name": "Service", "command": command}]},
    )
    if not started["tasks"]:
        raise Refused(f"gate: no task started ({started['failures']})")
    return str(started["tasks"][0]["taskArn"])


def _wait(deployed: DeployedEnvironment, stack: dict[str, str], task: str, poll_s: float) -> int:
    """The task's exit code. A gate that does not end is stopped and fails the release."""
    ecs, wanted = deployed.client("ecs"), {"cluster": stack["Cluster"], "tasks": [task]}
    attempts = int(TIMEOUT_SECONDS / poll_s)
    try:
        ecs.get_waiter("tasks_stopped").wait(**wanted, WaiterConfig={"Delay": poll_s, "MaxAttempts": attempts})
    except WaiterError as error:
        ecs.stop_task(cluster=stack["Cluster"], task=task, reason="the release gate took too long")
        raise Refused(f"gate: not done after {TIMEOUT_SECONDS:g} s; the task was stopped") from error
    (state,) = ecs.describe_tasks(**wanted)["tasks"]
    return _exit_code(state)


def _exit_code(state: dict[str, Any]) -> int:
    codes = [container["exitCode"] for container in state["containers"] if container.get("exitCode") is not None]
    if not codes:
        raise Refused(f"gate: the task did not run ({state.get('stoppedReason', 'no reason given')})")
    return int(codes[0])


def _print_log(deployed: DeployedEnvironment, stack: dict[str, str], task: str) -> None:
    """Print the task's log, which ends with its table."""
    stream = {"logGroupName": stack["Logs"], "logStreamName": f"evaluate/Service/{task.rpartition('/')[2]}"}
    token: dict[str, str] = {}
    try:
        while True:
            page = deployed.client("logs").get_log_events(**stream, startFromHead=True, **token)
            for event in page["events"]:
                say(event["message"])
            # The token stops changing at the end of the log. The release role may read streams only, so no paginator.
            if page["nextForwardToken"] == token.get("nextToken"):
                return
            token = {"nextToken": page["nextForwardToken"]}
    except ClientError as error:
        say(f"The task's log cannot be read ({error}).")
