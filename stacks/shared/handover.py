"""Values that stacks with different life cycles hand to each other as SSM parameters of the environment."""

from collections.abc import Callable

from aws_cdk import aws_ssm as ssm
from constructs import Construct

# From the short name of a parameter to its path: `Environment.parameter`.
ParameterPath = Callable[[str], str]


def publish(scope: Construct, *, parameter_path: ParameterPath, **values: str) -> None:
    """Store each value under its name with dashes: `queue_name` becomes `/whisper/prod/queue-name`."""
    for name, value in values.items():
        words = name.split("_")
        ssm.StringParameter(
            scope,
            "".join(word.title() for word in words) + "Parameter",
            parameter_name=parameter_path("-".join(words)),
            string_value=value,
        )


def published(scope: Construct, *, path: str) -> str:
    """The value of a parameter, which CloudFormation reads at each deployment of the scope's stack."""
    return ssm.StringParameter.value_for_string_parameter(scope, path)
