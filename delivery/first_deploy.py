"""An environment's first deploy: everything is checked before anything changes, and it can be run again."""

from collections.abc import Mapping
from typing import TextIO

from delivery import doctor, first_create, images, machine, proof, rollout, workflow
from delivery.account_file import AccountFile
from delivery.assembly import Assembly
from delivery.deployed import DeployedEnvironment
from delivery.findings import State, lines, ready
from delivery.parameters import ask, differences, lacking, stored, write
from delivery.programs import Refused, run, say
from delivery.programs import lines as lines_of


def first(deployed: DeployedEnvironment, environ: Mapping[str, str], *, terminal: TextIO, image: str = "") -> None:
    """Bring an environment from nothing to its pipelines, and to its services if there is an image.

    Args:
        deployed: the environment, in its account.
        environ: the program's variables.
        terminal: on which missing values are asked for; if it is none, they are listed.
        image: one in another registry, which is copied instead of a build; empty for none.

    Raises:
        Refused: something is missing, all of which is listed before, or a step of the CDK fails.
    """
    assembly = rollout.synthesize(deployed)
    file = _check(deployed, assembly, environ, terminal)
    (commit,) = lines_of("git", "rev-parse", "HEAD", environ=environ)
    write(deployed, differences(assembly.expected, file.values(deployed.name), stored(deployed)))
    _cdk(deployed, "bootstrap", f"aws://{deployed.account}/{deployed.environment.region}")
    first_create.make_linked_role(deployed)
    workflow.make_providers(deployed)
    first_create.recover(deployed, assembly, assembly.stacks.values())
    before_image = [stack.path for stack in assembly.without_image()]
    _cdk(
        deployed, "deploy", *before_image, "--app", str(assembly.folder), "--exclusively", "--require-approval", "never"
    )
    if digest := images.find(deployed, commit) or _bring_image(deployed, commit, image, environ):
        rollout.deploy(deployed, digest)
        proof.prove(deployed, digest)
        say(f"{deployed.name} runs {digest}, the image of {commit}.")
    elif (plan := deployed.environment.commits) and plan.source.identity:
        say(f"{deployed.name} is ready: a push to {plan.branch} starts the workflow that builds and deploys its image.")
    elif deployed.environment.commits:
        _start_pipeline(deployed)
    else:
        say(f"{deployed.name} is ready for its first image: {_first_image(deployed, commit)}.")


def _check(
    deployed: DeployedEnvironment, assembly: Assembly, environ: Mapping[str, str], terminal: TextIO
) -> AccountFile:
    """Ask for missing values, then list all that is missing; the file of the account's values."""
    file, expected = AccountFile.read(), assembly.expected
    compared = differences(expected, file.values(deployed.name), stored(deployed))
    file = ask(file, deployed.name, lacking(compared), terminal)
    found = [
        *doctor.without_account(deployed.environment, environ),
        *doctor.of_account(deployed, assembly, file),
    ]
    for line in lines(each for each in found if each.state is not State.OK):
        say(line)
    if not ready(found):
        count = sum(each.state is State.MISSING for each in found)
        raise Refused(f"{count} of {len(found)} checks: got what is listed as missing above, expected none")
    say(f"{len(found)} checks: nothing is missing.")
    return file


def _start_pipeline(deployed: DeployedEnvironment) -> None:
    pipelines, name = deployed.client("codepipeline"), deployed.outputs("Delivery")["CiPipelineName"]
    runs = pipelines.list_pipeline_executions(pipelineName=name, maxResults=1)["pipelineExecutionSummaries"]
    if not runs or runs[0]["status"] != "InProgress":
        pipelines.start_pipeline_execution(name=name)
    say(f"The pipeline {name} builds the first image and deploys it; follow it in the console, or with")
    say(f"  aws codepipeline get-pipeline-state --region {deployed.environment.region} --name {name}")


def _bring_image(deployed: DeployedEnvironment, commit: str, image: str, environ: Mapping[str, str]) -> str:
    """Digest of a commit's image: copied from the environment that built it or from another registry, or built here.

    Empty if a pipeline or a release brings it.
    """
    if machine.needs_engine(deployed.environment):
        if releases := deployed.environment.releases:
            digest = images.find(DeployedEnvironment.named(releases.images_from, environ), commit)
            if digest:
                images.promote(deployed, commit, digest, environ)
            return digest
        return images.take(deployed, commit, image) if image else images.build(deployed, commit)
    if image:
        raise Refused(f"IMAGE: got {image!r}, expected none: {deployed.name} gets its images from a pipeline")
    return ""


def _first_image(deployed: DeployedEnvironment, commit: str) -> str:
    if by := deployed.environment.released_by:
        return f"a release from {by} brings it"
    return f"once {deployed.environment.images_from} runs {commit}, the same command brings its image"


def _cdk(deployed: DeployedEnvironment, *arguments: str) -> None:
    run("cdk", *arguments, environ=deployed.environ())
