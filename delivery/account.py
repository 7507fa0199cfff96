"""An environment's first deploy and its end: `python -m delivery.account first|destroy ENVIRONMENT`.

Both check before they change anything, log each step, and can be run again after a failure.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from delivery import first_create, images, rollout
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, lines, run, say
from stacks.environments import select

# All SSM parameters of this application, of every environment.
PARAMETERS = "/whisper"
# Log groups that AWS makes beside the stacks, of the functions of the CDK library and of the cluster's metrics.
LOGS = ("/aws/lambda/", "/aws/ecs/containerinsights/")
# Access logs of the last hours still arrive while their bucket is deleted.
ATTEMPTS = 3


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one of the two verbs; 0 if it succeeded, 1 if it was refused, with one line that says why."""
    parser = argparse.ArgumentParser(prog="python -m delivery.account", description="An environment in an account.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    first_deploy = verbs.add_parser(
        "first", help="bootstrap, deploy the stacks that need no image, then start the first image"
    )
    end = verbs.add_parser("destroy", help="delete an environment with everything in it")
    end.add_argument("--confirm", default="", metavar="NAME", help="the environment's name, once more")
    for verb in (first_deploy, end):
        verb.add_argument("environment", metavar="ENVIRONMENT", help="such as dev")
    asked = parser.parse_args(arguments)
    try:
        # An unknown name is refused before the first call to AWS.
        select(asked.environment)
        if asked.verb == "first":
            first(DeployedEnvironment.named(asked.environment, environ), environ)
        else:
            destroy(DeployedEnvironment.named(asked.environment, environ), confirmed=asked.confirm)
    except (Refused, ValueError, ClientError, BotoCoreError) as error:
        say(f"{asked.verb} {asked.environment}: refused: {error}")
        return 1
    return 0


def first(deployed: DeployedEnvironment, environ: Mapping[str, str]) -> None:
    """Bring an environment from nothing to its pipelines, and to its services if there is an image.

    Raises:
        Refused: the tree has uncommitted changes, the account lacks a parameter, or a step of the CDK fails.
    """
    if changed := lines("git", "status", "--porcelain", environ=environ):
        raise Refused(f"git: got {len(changed)} uncommitted files, expected a clean tree")
    (commit,) = lines("git", "rev-parse", "HEAD", environ=environ)
    assembly = rollout.synthesize(deployed)
    if missing := _missing(deployed, assembly.expected):
        expected = "a value for each; docs/deploy.md says which"
        raise Refused(f"SSM parameters: got none named {', '.join(missing)}, expected {expected}")
    _cdk(deployed, "bootstrap", f"aws://{deployed.account}/{deployed.environment.region}")
    first_create.make_linked_role(deployed)
    first_create.unprotect(deployed, (path.rpartition("/")[2] for path in assembly.stacks))
    before_image = [stack.path for stack in assembly.without_image()]
    _cdk(
        deployed, "deploy", *before_image, "--app", str(assembly.folder), "--exclusively", "--require-approval", "never"
    )
    if digest := images.find(deployed, commit) or _bring_image(deployed, commit, environ):
        rollout.deploy(deployed, digest)
        say(f"{deployed.name} runs {digest}, the image of {commit}.")
    elif deployed.environment.commits:
        _start_pipeline(deployed)
    else:
        say(f"{deployed.name} is ready for its first image: {_first_image(deployed, commit)}.")


def destroy(deployed: DeployedEnvironment, *, confirmed: str) -> None:
    """Delete an environment with its recordings, transcripts and logs, and list the parameters that remain.

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
    assembly = rollout.synthesize(deployed)
    stacks = assembly.stacks
    for attempt in range(1, ATTEMPTS + 1):
        for path in stacks:
            _empty_buckets(deployed, path.rpartition("/")[2])
        try:
            _cdk(deployed, "destroy", *stacks, "--app", str(assembly.folder), "--exclusively", "--force")
            break
        except Refused:
            if attempt == ATTEMPTS:
                raise
            say("A bucket may have been written to meanwhile; trying again.")
    left = [stack.name for stack in stacks.values() if deployed.exists(stack.path.rpartition("/")[2])]
    if left:
        raise Refused(f"{', '.join(left)}: still there, expected no stack")
    _delete_logs(deployed)
    say(
        f"{deployed.name} is gone. These remain and cost nothing: {', '.join(sorted(_parameters(deployed, deployed.environment.parameter('')))) or 'no SSM parameter'},"
    )
    say(f"and the stack CDKToolkit, which all CDK applications in {environment.region} share.")


def _start_pipeline(deployed: DeployedEnvironment) -> None:
    pipelines, name = deployed.client("codepipeline"), deployed.outputs("Delivery")["CiPipelineName"]
    runs = pipelines.list_pipeline_executions(pipelineName=name, maxResults=1)["pipelineExecutionSummaries"]
    if not runs or runs[0]["status"] != "InProgress":
        pipelines.start_pipeline_execution(name=name)
    say(f"The pipeline {name} builds the first image and deploys it; follow it in the console, or with")
    say(f"  aws codepipeline get-pipeline-state --region {deployed.environment.region} --name {name}")


def _bring_image(deployed: DeployedEnvironment, commit: str, environ: Mapping[str, str]) -> str:
    """Digest of a commit's image, copied from the environment that built it; empty if it has none."""
    releases = deployed.environment.releases
    # In the others the first image arrives like every later one: measured and approved.
    if not releases:
        return ""
    digest = images.find(DeployedEnvironment.named(releases.images_from, environ), commit)
    if digest:
        images.promote(deployed, commit, digest, environ)
    return digest


def _first_image(deployed: DeployedEnvironment, commit: str) -> str:
    if by := deployed.environment.released_by:
        return f"a release from {by} brings it"
    if source := deployed.environment.images_from:
        return f"once {source} runs {commit}, the same command brings its image"
    return f"`python -m delivery build {deployed.name} {commit}` pushes one, and the same command runs it"


def _missing(deployed: DeployedEnvironment, names: set[str]) -> list[str]:
    """Which of these SSM parameters the account does not have."""
    return sorted(names - _parameters(deployed, PARAMETERS))


def _parameters(deployed: DeployedEnvironment, path: str) -> set[str]:
    """Names of the SSM parameters under a path."""
    pages = deployed.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True)
    return {parameter["Name"] for page in pages for parameter in page["Parameters"]}


def _empty_buckets(deployed: DeployedEnvironment, stack: str) -> None:
    if not deployed.exists(stack):
        return
    for name in deployed.resources(stack, "AWS::S3::Bucket"):
        answers = deployed.session.resource("s3").Bucket(name).object_versions.delete()
        if errors := [error for answer in answers for error in answer.get("Errors", ())]:
            raise Refused(f"{name}: {len(errors)} objects remain ({errors[0]['Code']}), expected none")
        say(f"{name}: {sum(len(answer.get('Deleted', ())) for answer in answers)} versions deleted.")


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


def _cdk(deployed: DeployedEnvironment, *arguments: str) -> None:
    run("cdk", *arguments, environ=deployed.environ())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
