"""Deploying a version to an environment, and rolling back one that does not work."""

import os
import time
from dataclasses import dataclass

from delivery.assembly import Assembly
from delivery.deployed import DeployedEnvironment
from delivery.health import problems, ringing
from delivery.images import commit_of
from delivery.programs import ROOT, Refused, run, say

# A commit must not change the pipeline that checks it: a person deploys the pipelines and their roles.
BY_HAND = "Delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long the checks after a deploy wait, in seconds."""

    settle_s: float = 900
    watch_s: float = 300
    poll_s: float = 15


def deploy(deployed: DeployedEnvironment, digest: str) -> None:
    """Deploy every stack of an environment except its pipelines, with this image in every stack that runs one."""
    assembly = synthesize(deployed)
    stacks = [stack for stack in assembly.stacks.values() if stack.path != f"{deployed.name}/{BY_HAND}"]
    images = [f"{stack.name}:ImageDigest={digest}" for stack in stacks if stack.takes_image]
    if not images:
        raise Refused(f"{assembly.folder}: got no stack that takes an image, expected the services")
    run(
        *("cdk", "deploy", *(stack.path for stack in stacks), "--app", str(assembly.folder), "--exclusively"),
        *("--require-approval", "never", "--progress", "events"),
        *(part for image in images for part in ("--parameters", image)),
        environ=deployed.environ(),
    )


def synthesize(deployed: DeployedEnvironment) -> Assembly:
    """Synthesize an environment's stacks."""
    whole = ROOT / "build" / f"assembly-{deployed.name}"
    context = f"environment={deployed.name}"
    run("cdk", "synth", "--quiet", "--context", context, "--output", str(whole), environ=deployed.environ())
    return Assembly.read(whole / f"assembly-{deployed.name}")


def release(deployed: DeployedEnvironment, digest: str, pace: Pace | None = None) -> None:
    """Deploy, check the result, and roll back to the version before if the check fails.

    Raises:
        Refused: the check failed; the version before runs again, if there was one.
    """
    before = deployed.digest("Api") if deployed.exists("Api") else ""
    known = ringing(deployed) if before else set()
    if known:
        say(f"Ringing before the deploy, and not held against it: {', '.join(sorted(known))}.")
    try:
        deploy(deployed, digest)
        _check(deployed, digest, known, pace or Pace())
    except Refused as failure:
        say(f"{deployed.name}: {failure}")
        if before in ("", digest):
            ran = f"ran {before} before, too" if before else "ran nothing before"
            raise Refused(f"{failure}; {deployed.name} {ran}: there is nothing to go back to") from None
        _restore(deployed, before)
        raise Refused(f"{failure}; {deployed.name} runs {before} again") from None


def _check(deployed: DeployedEnvironment, digest: str, known: set[str], pace: Pace) -> None:
    until = time.monotonic() + pace.settle_s
    while found := problems(deployed, digest):
        if time.monotonic() > until:
            raise Refused(f"not settled after {pace.settle_s:g} s: {'; '.join(found)}")
        say(f"Waiting: {'; '.join(found)}.")
        time.sleep(pace.poll_s)
    until = time.monotonic() + pace.watch_s
    while True:
        if new := ringing(deployed) - known:
            raise Refused(f"alarms ring since the deploy: {', '.join(sorted(new))}")
        if time.monotonic() > until:
            break
        time.sleep(pace.poll_s)
    say(f"{deployed.name} runs {digest}: tasks are up, the load balancer reaches them, no new alarm rings.")


def _restore(deployed: DeployedEnvironment, digest: str) -> None:
    """Deploy the version before exactly as it was: the stacks of its commit with its image."""
    commit = commit_of(deployed, digest)
    if not commit:
        say(f"{digest} has no commit for a tag: it goes back under the stacks of this release.")
        deploy(deployed, digest)
        return
    folder = ROOT / "build" / f"rollback-{deployed.name}"
    environ = deployed.environ()
    run("git", "worktree", "add", "--force", "--detach", str(folder), commit, environ=environ)
    try:
        run("make", "install", environ=environ, folder=folder)
        path = os.pathsep.join((str(folder / ".venv" / "bin"), environ.get("PATH", "")))
        step = ("python", "-m", "delivery", "deploy", deployed.name, commit, digest)
        run(*step, environ={**environ, "PATH": path}, folder=folder)
    finally:
        run("git", "worktree", "remove", "--force", str(folder), environ=environ)
