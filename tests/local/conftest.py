from collections.abc import Mapping

import pytest

from stacks.environments import environments
from tests.stacks.synthesis import Template, synthesize


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """Templates of the emulator's environment and of production, by name such as `prod/Batch`."""
    chosen = [environment for environment in environments() if environment.name in {"local", "prod"}]
    return synthesize(chosen, tmp_path_factory.mktemp("cdk.out"))
