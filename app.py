"""The application: every environment with all of its stacks, or one of them with `-c environment=prod`."""

import sys

from aws_cdk import App

from stacks.environments import select
from stacks.stage import Whisper


def main() -> None:
    """Synthesize what the command line asks for."""
    app = App()
    for environment in select(app.node.try_get_context("environment")):
        Whisper(app, environment=environment)
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
