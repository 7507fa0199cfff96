import pytest

from stacks.environments import Environment, environments


@pytest.fixture(params=environments(), ids=lambda environment: environment.name)
def environment(request: pytest.FixtureRequest) -> Environment:
    """Each environment in turn: a promise about one holds for all."""
    value: Environment = request.param
    return value
