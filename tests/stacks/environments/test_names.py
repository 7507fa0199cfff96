"""The names by which roles are trusted fit into IAM, whatever the environments are called."""

import pytest

from stacks.environments import InvalidEnvironment, releaser_role, role_name, step_role
from stacks.environments.names import MAX_ROLE

LONGEST = "e" * 12


def test_longest_names_of_environments_fit() -> None:
    """A name of twelve letters is the longest that an environment may have."""
    names = (step_role(LONGEST, LONGEST), step_role(LONGEST, "verify"), releaser_role(LONGEST))
    assert max(map(len, names)) <= MAX_ROLE


def test_name_that_iam_would_not_take_is_refused_in_one_line() -> None:
    """CloudFormation would fail half-way through a deploy, or shorten a name that others trust."""
    with pytest.raises(InvalidEnvironment) as refused:
        role_name("e" * 60, "releaser")
    assert str(refused.value).startswith(f"{'e' * 60}.name: got '{'e' * 60}', expected a name with which whisper-e")
    assert str(refused.value).endswith("has at most 64 letters, as the names of roles have")
