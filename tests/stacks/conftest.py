"""Fixtures of the promises of the stacks.

A promise is about one of three things:

- Every environment: take `environment`, which is each of a fork's values in turn and the emulator's, and `templates`
  (tests/conftest.py), the templates of all of them by names such as `live/Network`. The values may be any: compare with
  `environment.…`, never with a name or a number of the shipped values.
- A choice: take an environment of tests/stacks/factory.py, replace the choice, and `synthesize` it; `line`
  (tests/conftest.py) has the templates of the factory's release line unchanged.
- The shipped values: tests/values, which a fork owns. Nowhere else may a test name one of them.
"""

import pytest

from stacks.environments import Environment, emulated, environments

# A test that takes one of these, and nothing of the factory's, has the mark `values`: the tests of forks run them all.
ABOUT_VALUES = {"environment", "templates"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that a fork's values change."""
    for item in items:
        if (
            isinstance(item, pytest.Function)
            and "line" not in item.fixturenames
            and ABOUT_VALUES & {*item.fixturenames}
        ):
            item.add_marker(pytest.mark.values)


@pytest.fixture(params=(*environments(), emulated()), ids=lambda environment: environment.name)
def environment(request: pytest.FixtureRequest) -> Environment:
    """Each environment in turn: a promise about one holds for all."""
    value: Environment = request.param
    return value
