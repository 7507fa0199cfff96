"""What a stack hands to stacks that come and go without it: a text under a name of the environment, kept by SSM."""

from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.environments import Environment


def publish(scope: Construct, *, environment: Environment, **values: str) -> None:
    """Keep each value under its name, dashes for underscores: `queue_name` becomes `/whisper/prod/queue-name`."""
    for name, value in values.items():
        words = name.split("_")
        ssm.StringParameter(
            scope,
            "".join(word.title() for word in words) + "Parameter",
            parameter_name=environment.parameter("-".join(words)),
            string_value=value,
        )


def published(scope: Construct, *, environment: Environment, name: str) -> str:
    """The value under a name, read by CloudFormation at each deploy of the scope's stack."""
    return ssm.StringParameter.value_for_string_parameter(scope, environment.parameter(name))
