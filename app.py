"""The application: all stacks of every environment, or those of one with `-c environment=prod`."""

import sys

from aws_cdk import App

from stacks.environments import select
from stacks.stage import Whisper


def main() -> None:
    """Synthesize the environments that the command line selects."""
    app = App()
    for environment in select(app.node.try_get_context("environment")):
        Whisper(app, environment=environment)
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
