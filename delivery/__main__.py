"""The steps of the pipelines: `python -m delivery STEP ENVIRONMENT COMMIT [DIGEST]`.

Each step prints the digest that it worked with, which the next step takes; messages for people go to the log.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from delivery import gate, images, proof, rollout
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, say

STEPS = {
    "build": "build the commit's image and push it, unless it is there",
    "deploy": "deploy the environment with an image, and send it a golden call",
    "verify": "refuse a release before it changes anything",
    "promote": "copy the image from the environment that built or tried it",
    "prove": "send the environment a golden call, and wait for its transcript",
    "release": "deploy, prove, check, and roll back if the check fails",
    "gate": "measure the image against the last release",
    "record": "compare later releases with this one",
}


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Take one step; 0 if it succeeded, 1 if it was refused, with one line that says why."""
    asked = _parser().parse_args(arguments)
    say(f"{asked.step} {asked.environment}: {STEPS[asked.step]}")
    try:
        print(_take(asked.step, asked.environment, asked.commit, asked.digest or "", environ))
    except (Refused, ValueError, ClientError, BotoCoreError) as error:
        say(f"{asked.step} {asked.environment}: refused: {error}")
        return 1
    return 0


def _take(step: str, name: str, commit: str, digest: str, environ: Mapping[str, str]) -> str:
    deployed = DeployedEnvironment.named(name, environ)
    if step not in ("build", "verify") and not digest:
        raise Refused("digest: got none, expected sha256: and 64 hex digits")
    match step:
        case "build":
            return images.build(deployed, commit)
        case "verify":
            digest = images.verify(deployed, commit, environ)
            if deployed.environment.releases and deployed.environment.releases.gate:
                gate.prepared(deployed)
        case "promote":
            images.promote(deployed, commit, digest, environ)
        case _:
            ON_DIGEST[step](deployed, digest)
    return digest


def _deploy(deployed: DeployedEnvironment, digest: str) -> None:
    rollout.deploy(deployed, digest)
    proof.prove(deployed, digest)


# The steps that need nothing but the image.
ON_DIGEST: Mapping[str, Callable[[DeployedEnvironment, str], None]] = {
    "deploy": _deploy,
    "prove": proof.prove,
    "release": rollout.release,
    "gate": gate.measure,
    "record": gate.record,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m delivery", description="The steps of the pipelines.")
    parser.add_argument("step", choices=STEPS, metavar="STEP", help="; ".join(f"{k}: {v}" for k, v in STEPS.items()))
    parser.add_argument("environment", metavar="ENVIRONMENT", help="such as stage")
    parser.add_argument("commit", type=_like(images.COMMIT, "a commit id of 40 hex digits"), metavar="COMMIT")
    digest = _like(images.DIGEST, "sha256: and 64 hex digits")
    parser.add_argument("digest", type=digest, nargs="?", metavar="DIGEST", help="of the commit's image")
    return parser


def _like(pattern: str, expected: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"got {text!r}, expected {expected}")
        return text

    return check


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
