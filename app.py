"""The application: every environment, and the stacks it consists of."""

import sys

from aws_cdk import App, Stage
from constructs import Construct

from stacks.environments import Environment, select
from stacks.network import Network
from stacks.recordings import Recordings
from stacks.registry import Registry


class Whisper(Stage):
    """One environment. Its stacks are named `dev/Network` here and `whisper-dev-Network` in CloudFormation."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, environment.name, env=environment.target, stage_name=f"whisper-{environment.name}")
        Network(self, environment=environment)
        Registry(self, environment=environment)
        Recordings(self, environment=environment)


if __name__ == "__main__":
    app = App()
    try:
        for environment in select(app.node.try_get_context("environment")):
            Whisper(app, environment=environment)
    except ValueError as error:
        sys.exit(str(error))
    app.synth()
