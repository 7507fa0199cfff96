"""What a person does with an environment and an account: `python -m delivery.account first|destroy ENVIRONMENT`.

Both look before they change anything, say what they do, and may be run again after whatever went wrong.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from delivery import images, rollout
from delivery.places import Place
from delivery.programs import Refused, lines, run, say
from stacks.environments import select

# S3 deletes so many objects at once.
BATCH = 1000
# SSM tells of so many parameters at once.
PARAMETERS = 10
# Access logs of the last hours arrive while their bucket is deleted.
ATTEMPTS = 3


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do one of the two; 0 where it succeeded, 1 where it was refused, with one line that says why."""
    parser = argparse.ArgumentParser(prog="python -m delivery.account", description="An environment in an account.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    first_deploy = verbs.add_parser("first", help="bootstrap, deploy what needs no image, then the image's first run")
    end = verbs.add_parser("destroy", help="delete an environment with everything in it")
    end.add_argument("--confirm", default="", metavar="NAME", help="the environment's name, once more")
    for verb in (first_deploy, end):
        verb.add_argument("environment", metavar="ENVIRONMENT", help="such as dev")
    asked = parser.parse_args(arguments)
    try:
        # A name that nobody has is refused before AWS is asked for anything.
        select(asked.environment)
        if asked.verb == "first":
            first(Place.named(asked.environment, environ), environ)
        else:
            destroy(Place.named(asked.environment, environ), confirmed=asked.confirm)
    except (Refused, ValueError, ClientError, BotoCoreError) as error:
        say(f"{asked.verb} {asked.environment}: refused: {error}")
        return 1
    return 0


def first(place: Place, environ: Mapping[str, str]) -> None:
    """Bring an environment from nothing to its pipelines, and to its services where there is an image.

    Raises:
        Refused: the tree has changes that no commit has, the account lacks a parameter, or a step of the CDK fails.
    """
    if changed := lines("git", "status", "--porcelain", environ=environ):
        raise Refused(f"git: got {len(changed)} files that no commit has, expected a clean tree")
    (commit,) = lines("git", "rev-parse", "HEAD", environ=environ)
    assembly = rollout.synthesize(place)
    if missing := _missing(place, sorted(assembly.expected)):
        expected = "a value for each; docs/deploy.md says which"
        raise Refused(f"SSM parameters: got none named {', '.join(missing)}, expected {expected}")
    _cdk(place, "bootstrap", f"aws://{place.account}/{place.environment.region}")
    before_image = [stack.path for stack in assembly.without_image()]
    _cdk(place, "deploy", *before_image, "--app", str(assembly.folder), "--exclusively", "--require-approval", "never")
    if digest := images.find(place, commit) or _bring_image(place, commit, environ):
        rollout.deploy(place, digest)
        say(f"{place.name} runs {digest}, the image of {commit}.")
    elif place.environment.commits:
        _start_pipeline(place)
    else:
        say(f"{place.name} is ready for its first image: {_whence(place, commit)}.")


def destroy(place: Place, *, confirmed: str) -> None:
    """Delete an environment with its recordings and transcripts; what is left is listed.

    Raises:
        Refused: it is production, it was not confirmed, or a stack cannot be deleted.
    """
    environment = place.environment
    if environment.production:
        raise Refused(f"{place.name}: got production, expected another; docs/deploy.md says how production ends")
    if confirmed != place.name:
        raise Refused(
            f"--confirm: got {confirmed!r}, expected {place.name!r}: its recordings and transcripts would be deleted"
        )
    assembly = rollout.synthesize(place)
    stacks = assembly.stacks
    for attempt in range(1, ATTEMPTS + 1):
        for path in stacks:
            _empty_buckets(place, path.rpartition("/")[2])
        try:
            _cdk(place, "destroy", *stacks, "--app", str(assembly.folder), "--exclusively", "--force")
            break
        except Refused:
            if attempt == ATTEMPTS:
                raise
            say("A bucket may have been written to meanwhile: once more.")
    left = [stack.name for stack in stacks.values() if place.exists(stack.path.rpartition("/")[2])]
    if left:
        raise Refused(f"{', '.join(left)}: still there, expected no stack")
    say(f"{place.name} is gone. What stays costs nothing: {', '.join(sorted(_present(place))) or 'no SSM parameter'},")
    say(f"and the stack CDKToolkit, which every CDK application in {environment.region} shares.")


def _start_pipeline(place: Place) -> None:
    pipelines, name = place.client("codepipeline"), place.outputs("Delivery")["CiPipelineName"]
    runs = pipelines.list_pipeline_executions(pipelineName=name, maxResults=1)["pipelineExecutionSummaries"]
    if not runs or runs[0]["status"] != "InProgress":
        pipelines.start_pipeline_execution(name=name)
    say(f"The pipeline {name} builds the first image and deploys it; follow it in the console, or with")
    say(f"  aws codepipeline get-pipeline-state --region {place.environment.region} --name {name}")


def _bring_image(place: Place, commit: str, environ: Mapping[str, str]) -> str:
    """Digest of a commit's image, brought from the environment that built it; empty where that has none."""
    releases = place.environment.releases
    # Elsewhere the first image comes as every later one does, measured and approved.
    if not releases:
        return ""
    digest = images.find(Place.named(releases.images_from, environ), commit)
    if digest:
        images.promote(place, commit, digest, environ)
    return digest


def _whence(place: Place, commit: str) -> str:
    if by := place.environment.released_by:
        return f"a release from {by} brings it"
    if source := place.environment.images_from:
        return f"once {source} runs {commit}, the same command brings its image"
    return f"`python -m delivery build {place.name} {commit}` pushes one, and the same command runs it"


def _missing(place: Place, names: list[str]) -> list[str]:
    """Which SSM parameters the account does not have."""
    ssm, missing = place.client("ssm"), list[str]()
    for start in range(0, len(names), PARAMETERS):
        missing += ssm.get_parameters(Names=names[start : start + PARAMETERS])["InvalidParameters"]
    return missing


def _present(place: Place) -> set[str]:
    """SSM parameters of the environment."""
    pages = (
        place.client("ssm")
        .get_paginator("get_parameters_by_path")
        .paginate(Path=place.environment.parameter("").rstrip("/"))
    )
    return {parameter["Name"] for page in pages for parameter in page["Parameters"]}


def _empty_buckets(place: Place, stack: str) -> None:
    if not place.exists(stack):
        return
    s3 = place.client("s3")
    for bucket in place.resources(stack, "AWS::S3::Bucket"):
        deleted = 0
        for page in s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": BATCH}
        ):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if found:
                objects = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in found]
                failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
                if failed:
                    raise Refused(f"{bucket}: {len(failed)} objects stay ({failed[0]['Code']}), expected none")
                deleted += len(found)
        say(f"{bucket}: {deleted} versions deleted.")


def _cdk(place: Place, *arguments: str) -> None:
    run("cdk", *arguments, environ=place.environ())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
