"""An environment's end. Kept buckets stay, unless they are named; the command can be run again."""

from collections.abc import Collection, Iterator

from botocore.exceptions import ClientError

from delivery import rollout
from delivery.deployed import DeployedEnvironment
from delivery.parameters import stored
from delivery.programs import Refused, run, say

# Log groups that AWS makes beside the stacks, of the functions of the CDK library and of the cluster's metrics.
LOGS = ("/aws/lambda/", "/aws/ecs/containerinsights/")
BUCKET = "AWS::S3::Bucket"
KEPT = ("Retain", "RetainExceptOnCreate")
# Access logs of the last hours still arrive while their bucket is deleted.
ATTEMPTS = 3


def destroy(deployed: DeployedEnvironment, *, confirmed: str, also: Collection[str] = ()) -> None:
    """Delete an environment with its recordings, transcripts and logs, and list the rest.

    Args:
        deployed: the environment, in its account.
        confirmed: its name, once more.
        also: names of buckets that outlive their stack, and are to be deleted nevertheless.

    Raises:
        Refused: it is production, it was not confirmed, or a stack cannot be deleted.
    """
    environment = deployed.environment
    if environment.production:
        raise Refused(
            f"{deployed.name}: got production, expected another; docs/deploy.md says how to delete production"
        )
    if confirmed != deployed.name:
        raise Refused(
            f"--confirm: got {confirmed!r}, expected {deployed.name!r}: its recordings and transcripts would be deleted"
        )
    kept = _check_kept(deployed, also)
    assembly = rollout.synthesize(deployed)
    stacks = assembly.stacks
    for attempt in range(1, ATTEMPTS + 1):
        for path in stacks:
            for bucket in _buckets(deployed, path.rpartition("/")[2], kept=False):
                _empty(deployed, bucket)
        try:
            command = ("cdk", "destroy", *stacks, "--app", str(assembly.folder), "--exclusively", "--force")
            run(*command, environ=deployed.environ())
            break
        except Refused:
            # Expired credentials do not come back by trying again: AWS says so, and the program ends.
            deployed.client("sts").get_caller_identity()
            if attempt == ATTEMPTS:
                raise
            say("A bucket may have been written to meanwhile; trying again.")
    left = [stack.name for stack in stacks.values() if deployed.exists(stack.path.rpartition("/")[2])]
    if left:
        raise Refused(f"{', '.join(left)}: still there, expected no stack")
    for bucket in also:
        _empty(deployed, bucket)
        deployed.client("s3").delete_bucket(Bucket=bucket)
        say(f"{bucket}: deleted, as named.")
    _delete_logs(deployed)
    _tell(deployed, sorted(kept - set(also)))


def _check_kept(deployed: DeployedEnvironment, also: Collection[str]) -> set[str]:
    """Buckets of the environment that outlive their stacks, in stacks or left by them.

    Raises:
        Refused: a name is none of theirs.
    """
    prefix = f"{deployed.environment.prefix}-"
    named = {bucket["Name"] for bucket in deployed.client("s3").list_buckets()["Buckets"]}
    own = {name for name in named if name.startswith(prefix)}
    stacks = [name.removeprefix(prefix) for name in _stacks(deployed) if name.startswith(prefix)]
    going = {bucket for stack in stacks for bucket in _buckets(deployed, stack, kept=False)}
    kept = own - going
    if unknown := sorted(set(also) - kept):
        expected = f"a bucket of {deployed.name} that outlives its stack: {', '.join(sorted(kept)) or 'there is none'}"
        raise Refused(f"--also: got {', '.join(unknown)}, expected {expected}")
    return kept


def _stacks(deployed: DeployedEnvironment) -> Iterator[str]:
    pages = deployed.client("cloudformation").get_paginator("describe_stacks").paginate()
    return (stack["StackName"] for page in pages for stack in page["Stacks"])


def _buckets(deployed: DeployedEnvironment, stack: str, *, kept: bool) -> list[str]:
    """Buckets of a stack that outlive it, or those that do not, by the template with which it is deployed."""
    if not deployed.exists(stack):
        return []
    cloudformation, name = deployed.client("cloudformation"), deployed.environment.stack_name(stack)
    body = cloudformation.get_template(StackName=name)["TemplateBody"]["Resources"]
    outlives = {logical for logical, resource in body.items() if resource.get("DeletionPolicy") in KEPT}
    return [
        resource["PhysicalResourceId"]
        for resource in cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        if resource["ResourceType"] == BUCKET and (resource["LogicalResourceId"] in outlives) is kept
    ]


def _empty(deployed: DeployedEnvironment, bucket: str) -> None:
    try:
        answers = deployed.session.resource("s3").Bucket(bucket).object_versions.delete()
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":  # deleted by an earlier run
            raise
        return
    if errors := [error for answer in answers for error in answer.get("Errors", ())]:
        raise Refused(f"{bucket}: {len(errors)} objects remain ({errors[0]['Code']}), expected none")
    say(f"{bucket}: {sum(len(answer.get('Deleted', ())) for answer in answers)} versions deleted.")


def _delete_logs(deployed: DeployedEnvironment) -> None:
    """Delete the log groups that belong to no stack: they have no retention, and would be billed forever."""
    logs = deployed.client("logs")
    for kind in LOGS:
        pages = logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=f"{kind}{deployed.environment.stack_name('')}"
        )
        for name in [group["logGroupName"] for page in pages for group in page["logGroups"]]:
            logs.delete_log_group(logGroupName=name)
            say(f"{name}: deleted.")


def _tell(deployed: DeployedEnvironment, kept: Collection[str]) -> None:
    names = sorted(stored(deployed, deployed.environment.parameter("")))
    say(f"{deployed.name} is gone. These remain and cost nothing: {', '.join(names) or 'no SSM parameter'},")
    say(f"and the stack CDKToolkit, which all CDK applications in {deployed.environment.region} share.")
    for bucket in kept:
        command = f"make destroy ENV={deployed.name} CONFIRM={deployed.name} ALSO={bucket}"
        say(f"Kept, and billed as storage: the bucket {bucket}. `{command}` deletes it, too.")
