"""The names of an environment's stacks, roles and SSM parameters, for callers that know only the environment's name."""

from stacks.capacity import InvalidEnvironment

# IAM takes no longer name of a role, and CloudFormation shortens those that it makes up.
MAX_ROLE = 64
# A deploy gives tags with this prefix to the images that stacks run and to the one that it brings.
RUNNING = "running-"


def name_prefix(environment: str) -> str:
    """How the names of an environment's stacks begin, and of every resource that CloudFormation names after them."""
    return f"whisper-{environment}"


def parameter_name(environment: str, name: str) -> str:
    """Path of one of an environment's SSM parameters, such as `/whisper/prod/queue-name`."""
    return f"/whisper/{environment}/{name}"


def role_name(environment: str, purpose: str) -> str:
    """The name of a role that other roles trust by it, maybe before it exists, and from other accounts.

    Raises:
        InvalidEnvironment: IAM would not take it.
    """
    name = f"{name_prefix(environment)}-{purpose}"
    if len(name) > MAX_ROLE:
        expected = f"a name with which {name} has at most {MAX_ROLE} letters, as the names of roles have"
        raise InvalidEnvironment(f"{environment}.name", environment, expected)
    return name


def step_role(by: str, stage: str) -> str:
    """The role of the steps in one stage of the release pipeline of environment `by`."""
    return role_name(by, f"release-{stage}")


def releaser_role(by: str) -> str:
    """The role of the people who watch over the releases of environment `by`."""
    return role_name(by, "releaser")
