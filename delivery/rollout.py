"""Deploying a version to an environment, and rolling back one that does not work."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from delivery import brake, first_create, proof, registry, states
from delivery.assembly import Assembly, Stack, synthesized
from delivery.deployed import DeployedEnvironment
from delivery.health import problems, ringing
from delivery.images import commit_of
from delivery.programs import ROOT, Refused, run, say

# A commit must not change the pipeline that checks it: a person deploys the pipelines and their roles.
BY_HAND = ("Delivery", "Releases")
WITH_IMAGE = ("Api", "Backfill", "Batch", "Gate", "Watch")
# A stack that went back to its last state by itself has the parameters of that state.
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
# A check that cannot be made counts as failed: our own refusals, those of AWS, and AWS out of reach.
FAILURES = (Refused, ClientError, BotoCoreError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long the checks after a deploy wait, in seconds."""

    settle_s: float = 900
    watch_s: float = 300
    poll_s: float = 15


def deploy(deployed: DeployedEnvironment, digest: str) -> None:
    """Deploy every stack of an environment except its pipelines, with this image in every stack that runs one.

    Raises:
        Refused: another deploy is in progress, the image cannot run there, or the CDK fails.
    """
    assembly = synthesize(deployed)
    stacks = [stack for stack in assembly.stacks.values() if stack.path.rpartition("/")[2] not in BY_HAND]
    images = [f"{stack.name}:ImageDigest={digest}" for stack in stacks if stack.takes_image]
    if not images:
        raise Refused(f"{assembly.folder}: got no stack that takes an image, expected the services")
    states.refuse_changing(deployed, [stack.path.rpartition("/")[2] for stack in stacks])
    registry.check_processor(deployed, digest)
    registry.keep(deployed, digest, _running(deployed, [stack for stack in stacks if stack.takes_image]))
    first_create.recover(deployed, assembly, stacks)
    run(
        *("cdk", "deploy", *(stack.path for stack in stacks), "--app", str(assembly.folder), "--exclusively"),
        *("--require-approval", "never", "--progress", "events"),
        *(part for image in images for part in ("--parameters", image)),
        environ=deployed.environ(),
    )


def synthesize(deployed: DeployedEnvironment) -> Assembly:
    """Synthesize an environment's stacks; those of another account are left out."""
    return synthesized(deployed.name, deployed.environ()).within(deployed.account)


def _running(deployed: DeployedEnvironment, stacks: Sequence[Stack]) -> dict[str, str]:
    """The digest that each of these stacks runs, by its name, such as `Api`."""
    names = [stack.path.rpartition("/")[2] for stack in stacks]
    return {name: deployed.digest(name) for name in names if deployed.exists(name)}


def release(deployed: DeployedEnvironment, digest: str, pace: Pace | None = None) -> None:
    """Deploy, check the result, and roll back to the version before if the check fails.

    Raises:
        Refused: the budget brake has stopped the fleet, or the check failed; the version before runs again, if there was one.
    """
    brake.refuse_stopped(deployed)
    before = deployed.digest("Api") if states.has_worked(deployed, "Api") else ""
    known = ringing(deployed) if before else set()
    if known:
        say(f"Ringing before the deploy, and not held against it: {', '.join(sorted(known))}.")
    try:
        deploy(deployed, digest)
        _check(deployed, digest, known, pace or Pace())
    except FAILURES as failure:
        say(f"{deployed.name}: {failure}")
        if before in ("", digest):
            ran = f"ran {before} before, too" if before else "ran nothing before"
            raise Refused(f"{failure}; {deployed.name} {ran}: there is nothing to go back to") from None
        try:
            doubt = _restore(deployed, before)
        except FAILURES as stuck:
            raise Refused(f"{failure}; {deployed.name} could not go back to {before}: {stuck}") from None
        raise Refused(f"{failure}; {deployed.name} runs {before} again{doubt}") from None


def _check(deployed: DeployedEnvironment, digest: str, known: set[str], pace: Pace) -> None:
    until = time.monotonic() + pace.settle_s
    while found := problems(deployed, digest):
        if time.monotonic() > until:
            raise Refused(f"not settled after {pace.settle_s:g} s: {'; '.join(found)}")
        say(f"Waiting: {'; '.join(found)}.")
        time.sleep(pace.poll_s)
    proof.prove(deployed, digest, poll_s=pace.poll_s)
    until = time.monotonic() + pace.watch_s
    while True:
        if new := ringing(deployed) - known:
            raise Refused(f"alarms ring since the deploy: {', '.join(sorted(new))}")
        if time.monotonic() > until:
            break
        time.sleep(pace.poll_s)
    say(f"{deployed.name} runs {digest}: tasks are up, the load balancer reaches them, no new alarm rings.")


def _restore(deployed: DeployedEnvironment, digest: str) -> str:
    """Deploy the version before exactly as it was: the stacks of its commit with its image.

    Returns:
        Why it may not work although it is deployed, to follow `runs … again`; empty if there is no doubt.
    """
    commit = commit_of(deployed, digest)
    if not commit:
        say(f"{digest} has no commit for a tag: it goes back under the stacks of this release.")
        deploy(deployed, digest)
        return ""
    folder = ROOT / "build" / f"rollback-{deployed.name}"
    environ = deployed.environ()
    run("git", "worktree", "add", "--force", "--detach", str(folder), commit, environ=environ)
    try:
        run("make", _installing(folder), environ=environ, folder=folder)
        path = os.pathsep.join((str(folder / ".venv" / "bin"), environ.get("PATH", "")))
        step = ("python", "-m", "delivery", "deploy", deployed.name, commit, digest)
        try:
            run(*step, environ={**environ, "PATH": path}, folder=folder)
        except Refused as failure:
            # Its step sends a golden call after the deploy, which may fail for the same reason as the release's.
            if not _runs(deployed, digest):
                raise
            return f", but that version did not prove itself: {failure}"
        return ""
    finally:
        run("git", "worktree", "remove", "--force", str(folder), environ=environ)


def _runs(deployed: DeployedEnvironment, digest: str) -> bool:
    """Whether each stack that runs an image has settled on this one."""
    stacks = [stack for stack in WITH_IMAGE if deployed.exists(stack)]
    settled = all(deployed.status(stack) in SETTLED for stack in stacks)
    return settled and {deployed.digest(stack) for stack in stacks} == {digest}


def _installing(folder: Path) -> str:
    """The target that installs what a step needs. Older commits have one for all tools only."""
    lean = "install-delivery"
    return lean if f"\n{lean}:" in (folder / "Makefile").read_text() else "install"
