"""The second net: the templates as they were last accepted. `make snapshots` accepts the present ones; review the diff.

Prod is kept whole, with the hashes of assets masked. Of each other environment only its differences from another are
kept, with its own name masked: a change of every environment is seen in prod's file, any other in its own.
"""

import doctest
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.environments import environments
from tests.stacks import comparison
from tests.stacks.comparison import differences, readable, without_assets, without_name
from tests.stacks.synthesis import Template

SNAPSHOTS = Path(__file__).parent / "snapshots"
# The environment that each other is compared with: prod, but `local` builds its image as dev does.
LIKE = {environment.name: "prod" for environment in environments() if environment.name != "prod"} | {"local": "dev"}

VALUES = st.recursive(
    st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "a/b", "~1"]), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def bodies(templates: Mapping[str, Template]) -> Mapping[str, Mapping[str, Any]]:
    """The templates of each environment by the names of their stacks, such as `Api`."""
    found: dict[str, dict[str, Any]] = {}
    for name, template in templates.items():
        environment, stack = name.split("/")
        found.setdefault(environment, {})[stack] = template.body
    return {environment: without_assets(stacks) for environment, stacks in found.items()}


def changes(name: str, present: Any, text: str) -> str:
    """The differences of the present value from the accepted one; with `make snapshots`, accepts the present one."""
    path = SNAPSHOTS / name
    if "UPDATE_SNAPSHOTS" in os.environ:
        path.write_text(text + "\n")
    # As text, of which pytest shows every line.
    return readable(differences(json.loads(path.read_text()), present))


def test_prod_is_as_accepted(bodies: Mapping[str, Mapping[str, Any]]) -> None:
    """Any change of a template is seen, intended or not."""
    present = {f"prod/{stack}": body for stack, body in bodies["prod"].items()}
    assert changes("prod.json", present, json.dumps(present, indent=1, sort_keys=True)) == "{}"


@pytest.mark.parametrize(("name", "other"), LIKE.items())
def test_environment_differs_from_another_as_accepted(
    bodies: Mapping[str, Mapping[str, Any]], name: str, other: str
) -> None:
    """A change of one environment alone is seen, and so is a difference that should not be."""
    own, others = without_name(bodies[name], name), without_name(bodies[other], other)
    stacks = sorted(own.keys() | others.keys())
    present = {stack: differences(others.get(stack, {}), own.get(stack, {})) for stack in stacks}
    assert changes(f"{name}-from-{other}.json", present, readable(present)) == "{}"


@settings(deadline=None)
@given(before=VALUES, first=VALUES, second=VALUES)
def test_differences_hide_nothing(before: Any, first: Any, second: Any) -> None:
    """Different values differ differently from a third."""
    assert (differences(before, first) == differences(before, second)) == (first == second)


def test_example_of_differences_holds() -> None:
    """The docstring shows a result for each kind of difference."""
    assert doctest.testmod(comparison) == (0, 1)


def test_names_are_masked_in_ids_paths_and_values() -> None:
    """Environments that differ by their names only are equal; another environment's name is left."""
    dev, prod = (
        {
            f"SsmParameterValuewhisper{name}queuenameC96584B6F00A464EAD1953AFF4B05118Parameter": f"/whisper/{name}/queue",
            f"Firewallto{name}ApiFirewall{rule}": f"whisper-{name}-Api",
            "Environment": name,
            "Deployed": "devices of production",
        }
        for name, rule in (("dev", "7ACBD0158000983FED5E"), ("prod", "EDB630DB8000ED0DEC9C"))
    )
    assert without_name(dev, "dev") == without_name(prod, "prod")
    assert without_name({"Role": "whisper-prod-Api"}, "dev") == {"Role": "whisper-prod-Api"}
