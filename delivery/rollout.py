"""A version goes to an environment, and comes back if it does not work."""

import os
import time
from dataclasses import dataclass

from delivery.assembly import Assembly
from delivery.health import problems, ringing
from delivery.images import commit_of
from delivery.places import Place
from delivery.programs import ROOT, Refused, run, say

# A commit must not change what lets it pass: a person deploys the pipelines and the roles.
BY_HAND = "Delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a check waits, in seconds."""

    settle_s: float = 900
    watch_s: float = 300
    poll_s: float = 15


def deploy(place: Place, digest: str) -> None:
    """Deploy every stack of an environment but its pipelines, with an image for each that runs one."""
    assembly = synthesize(place)
    stacks = [stack for stack in assembly.stacks.values() if stack.path != f"{place.name}/{BY_HAND}"]
    images = [f"{stack.name}:ImageDigest={digest}" for stack in stacks if stack.takes_image]
    if not images:
        raise Refused(f"{assembly.folder}: got no stack that takes an image, expected the services")
    run(
        *("cdk", "deploy", *(stack.path for stack in stacks), "--app", str(assembly.folder), "--exclusively"),
        *("--require-approval", "never", "--progress", "events"),
        *(part for image in images for part in ("--parameters", image)),
        environ=place.environ(),
    )


def synthesize(place: Place) -> Assembly:
    """An environment's stacks, synthesized anew."""
    whole = ROOT / "build" / f"assembly-{place.name}"
    context = f"environment={place.name}"
    run("cdk", "synth", "--quiet", "--context", context, "--output", str(whole), environ=place.environ())
    return Assembly.read(whole / f"assembly-{place.name}")


def release(place: Place, digest: str, pace: Pace | None = None) -> None:
    """Deploy, look whether it works, and go back to what ran before if it does not.

    Raises:
        Refused: it does not; the version before runs again, if there is one.
    """
    before = place.digest("Api") if place.exists("Api") else ""
    known = ringing(place) if before else set()
    if known:
        say(f"Ringing before the deploy, and not held against it: {', '.join(sorted(known))}.")
    try:
        deploy(place, digest)
        _check(place, digest, known, pace or Pace())
    except Refused as failure:
        say(f"{place.name}: {failure}")
        if before in ("", digest):
            ran = f"ran {before} before, too" if before else "ran nothing before"
            raise Refused(f"{failure}; {place.name} {ran}: there is nothing to go back to") from None
        _restore(place, before)
        raise Refused(f"{failure}; {place.name} runs {before} again") from None


def _check(place: Place, digest: str, known: set[str], pace: Pace) -> None:
    until = time.monotonic() + pace.settle_s
    while found := problems(place, digest):
        if time.monotonic() > until:
            raise Refused(f"not settled after {pace.settle_s:g} s: {'; '.join(found)}")
        say(f"Waiting: {'; '.join(found)}.")
        time.sleep(pace.poll_s)
    until = time.monotonic() + pace.watch_s
    while True:
        if new := ringing(place) - known:
            raise Refused(f"alarms ring since the deploy: {', '.join(sorted(new))}")
        if time.monotonic() > until:
            break
        time.sleep(pace.poll_s)
    say(f"{place.name} runs {digest}: tasks are up, the load balancer reaches them, no new alarm rings.")


def _restore(place: Place, digest: str) -> None:
    """Deploy the version before as it was: its commit's stacks with its image."""
    commit = commit_of(place, digest)
    if not commit:
        say(f"{digest} has no commit for a tag: it goes back under the stacks of this release.")
        deploy(place, digest)
        return
    folder = ROOT / "build" / f"rollback-{place.name}"
    environ = place.environ()
    run("git", "worktree", "add", "--force", "--detach", str(folder), commit, environ=environ)
    try:
        run("make", "install", environ=environ, folder=folder)
        path = os.pathsep.join((str(folder / ".venv" / "bin"), environ.get("PATH", "")))
        step = ("python", "-m", "delivery", "deploy", place.name, commit, digest)
        run(*step, environ={**environ, "PATH": path}, folder=folder)
    finally:
        run("git", "worktree", "remove", "--force", str(folder), environ=environ)
