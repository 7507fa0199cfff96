from collections.abc import Mapping

import pytest

from stacks.environments import Environment, environments
from tests.stacks.synthesis import Template, synthesize


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """Templates of every environment, by name such as `dev/Network`, synthesized once."""
    return synthesize(environments(), tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture(params=environments(), ids=lambda environment: environment.name)
def environment(request: pytest.FixtureRequest) -> Environment:
    """Each environment in turn: a promise about one holds for all."""
    value: Environment = request.param
    return value
