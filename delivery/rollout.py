"""A version goes to an environment, and comes back if it does not work."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
    assembly = ROOT / "build" / f"assembly-{place.name}"
    environ = place.environ()
    run("cdk", "synth", "--quiet", "--context", f"environment={place.name}", "--output", str(assembly), environ=environ)
    stacks = _stacks(assembly / f"assembly-{place.name}")
    images = [f"{name}:ImageDigest={digest}" for name, takes_image in stacks.values() if takes_image]
    if not images:
        raise Refused(f"{assembly}: got no stack that takes an image, expected the services")
    run(
        *("cdk", "deploy", *stacks, "--app", str(assembly), "--exclusively"),
        *("--require-approval", "never", "--progress", "events"),
        *(part for image in images for part in ("--parameters", image)),
        environ=environ,
    )


def release(place: Place, digest: str, pace: Pace | None = None) -> None:
    """Deploy, look whether it works, and go back to what ran before if it does not.

    Raises:
        Refused: it does not; the version before runs again, if there is one.
    """
    before, known = place.digest("Api"), ringing(place)
    if known:
        say(f"Ringing before the deploy, and not held against it: {', '.join(sorted(known))}.")
    try:
        deploy(place, digest)
        _check(place, digest, known, pace or Pace())
    except Refused as failure:
        say(f"{place.name}: {failure}")
        if before == digest:
            raise Refused(f"{failure}; {place.name} ran {before} before, too: there is nothing to go back to") from None
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


def _stacks(assembly: Path) -> Mapping[str, tuple[str, bool]]:
    """What is deployed, by path: its name in CloudFormation, and whether it takes an image."""
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"].values()
    found = {}
    for stack in artifacts:
        if stack["type"] == "aws:cloudformation:stack":
            path, name = stack["displayName"].partition(" ")[0], stack["properties"]["stackName"]
            template = json.loads((assembly / stack["properties"]["templateFile"]).read_text())
            found[path] = (name, "ImageDigest" in template.get("Parameters", {}))
    return {path: stack for path, stack in found.items() if not path.endswith(f"/{BY_HAND}")}
