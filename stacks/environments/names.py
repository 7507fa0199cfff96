"""The names of an environment's stacks and SSM parameters, for callers that know only the environment's name."""


def name_prefix(environment: str) -> str:
    """How the names of an environment's stacks begin, and of every resource that CloudFormation names after them."""
    return f"whisper-{environment}"


def parameter_name(environment: str, name: str) -> str:
    """Path of one of an environment's SSM parameters, such as `/whisper/prod/queue-name`."""
    return f"/whisper/{environment}/{name}"
