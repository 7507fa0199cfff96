"""An environment in an account: `python -m delivery.account first|doctor|parameters|destroy ENVIRONMENT`.

Each verb checks before it changes anything, logs each step, and can be run again after a failure.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from delivery import doctor, findings, parameters, rollout
from delivery.account_file import AccountFile
from delivery.deployed import DeployedEnvironment
from delivery.destroy import destroy
from delivery.first_deploy import first
from delivery.programs import Refused, say
from stacks.environments import Environment, select

# How AWS's services word credentials that were good once.
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one verb; 0 if it succeeded, 1 if it was refused, with one line that says why."""
    asked = _parser().parse_args(arguments)
    try:
        # An unknown name is refused before the first call to AWS.
        environments = select(asked.environment or None)
        if asked.verb == "doctor":
            return _look(environments, environ, as_json=asked.json)
        _work(asked, DeployedEnvironment.named(asked.environment, environ), environ)
    except (Refused, ValueError, ClientError, BotoCoreError) as error:
        say(f"{asked.verb} {asked.environment}: refused: {_explained(error)}")
        return 1
    return 0


def _look(environments: Sequence[Environment], environ: Mapping[str, str], *, as_json: bool) -> int:
    """Print the findings of each environment; 0 if nothing is missing in any of them."""
    found = {environment.name: doctor.examine(environment, environ) for environment in environments}
    if as_json:
        print(findings.as_json(found))
    else:
        print("\n".join(line for name, each in found.items() for line in (f"{name}:", *findings.lines(each))))
    return 0 if all(map(findings.ready, found.values())) else 1


def _work(asked: argparse.Namespace, deployed: DeployedEnvironment, environ: Mapping[str, str]) -> None:
    match asked.verb:
        case "first":
            first(deployed, environ, terminal=sys.stdin, image=asked.image)
        case "parameters":
            file, expected = AccountFile.read(), rollout.synthesize(deployed).expected
            parameters.apply(deployed, expected, file, confirmed=asked.confirm, terminal=sys.stdin)
        case "destroy":
            destroy(deployed, confirmed=asked.confirm, also=asked.also.split())


def _explained(error: Exception) -> str:
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in EXPIRED:
        return f"credentials: got expired ones, expected new ones; run it again, and it goes on from here ({error})"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m delivery.account", description="An environment in an account.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    start = verbs.add_parser(
        "first", help="check everything, deploy the stacks that need no image, then bring the first image"
    )
    start.add_argument(
        "--image", default="", metavar="REFERENCE", help="copy this image from any registry instead of building one"
    )
    look = verbs.add_parser("doctor", help="check everything that a first deploy needs, and change nothing")
    look.add_argument("--json", action="store_true", help="print one JSON object")
    store = verbs.add_parser("parameters", help="show how account.toml differs from SSM, and write it")
    store.add_argument("--confirm", default="", metavar="NAME", help="the environment's name, instead of an answer")
    end = verbs.add_parser("destroy", help="delete an environment with everything in it that is not kept")
    end.add_argument("--confirm", default="", metavar="NAME", help="the environment's name, once more")
    end.add_argument(
        "--also", default="", metavar="BUCKET", help="a bucket that is otherwise kept; several with spaces"
    )
    look.add_argument("environment", nargs="?", default="", metavar="ENVIRONMENT", help="such as dev; default: each")
    for verb in (start, store, end):
        verb.add_argument("environment", metavar="ENVIRONMENT", help="such as dev")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
