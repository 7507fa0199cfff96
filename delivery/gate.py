"""The release gate: a task of the new image measures itself on golden recordings, against the last release."""

from botocore.exceptions import ClientError

from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, say
from delivery.tasks import OneTask

# Exit codes of the task.
WORSE, UNUSABLE = 1, 2
POLL_SECONDS = 10.0
TIMEOUT_SECONDS = 3 * 3600.0
PROFILE_ROUNDS = 3


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
    environment = deployed.environment
    size, model = environment.task_size.cpu, environment.settings.model
    # The report brings the speed of a task that the next plan is made with: `python -m delivery.profile ENV --gate`.
    command += ["--profile", str(PROFILE_ROUNDS), "--cpu", str(size), "--model-name", model]
    if not _exists(deployed, latest):
        say(f"The first release: nothing at {latest} to compare with.")
        command.append("--first-release")
    gate = OneTask(
        deployed=deployed,
        title="gate",
        stack=stack,
        definition=stack["Task"],
        log_group=stack["Logs"],
        verb="evaluate",
    )
    task = gate.start(command)
    say(f"Measuring: {task}")
    code = gate.end(task, timeout_s=TIMEOUT_SECONDS, poll_s=poll_s)
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
