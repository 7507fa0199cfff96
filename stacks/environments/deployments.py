"""How long a deployment of an environment takes at most, and how long a pipeline waits for it."""

from service.settings import Settings
from stacks.capacity import InvalidEnvironment
from stacks.environments.api import ApiPlan, Strategy

# The limit of the build that deploys commits; a release has more, and its credentials are renewed.
PIPELINE_SECONDS = 3600
# From the start of a task until its model is loaded.
START_SECONDS = 300
# The stacks without services, of which a deployment changes little.
OTHER_STACKS_SECONDS = 180


def check_deployment(name: str, *, api: ApiPlan, settings: Settings) -> None:
    """Refuse what a pipeline cannot deploy within its limit; the services are deployed one after the other.

    Raises:
        InvalidEnvironment: with the parts of the sum.
    """
    # The load balancer drains a target for all of the time, whether it has requests left or not.
    bake = 60 * api.bake_minutes if api.strategy is Strategy.BLUE_GREEN else 0
    answering = START_SECONDS + bake + settings.drain_seconds + settings.stop_timeout_seconds
    # A busy worker lets itself be replaced when its session ends, and the new one starts afterwards.
    resting = settings.session_seconds + settings.rest_seconds
    working = resting + settings.stop_timeout_seconds + START_SECONDS
    total = answering + working + OTHER_STACKS_SECONDS
    if total > PIPELINE_SECONDS:
        expected = (
            f"less: a deployment takes up to {total} s ({answering} s for the API with api_deadline_seconds and"
            f" bake_minutes, {working} s for the workers), and the pipeline has {PIPELINE_SECONDS} s"
        )
        raise InvalidEnvironment(f"{name}.settings.session_seconds", settings.session_seconds, expected)
