"""The second net: whatever is printed from the values is as it was last accepted. `make snapshots` accepts the present.

A snapshot keeps one environment whole, with the hashes of assets masked. Of each other environment only its differences
from another are kept, with its own name masked.
"""

import doctest
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.comparison import chart
from tests.stacks import comparison
from tests.stacks.comparison import differences, readable, without_name
from tests.stacks.printed import (
    CHART,
    COMMAND,
    EXAMPLE,
    SNAPSHOTS,
    TABLES,
    account_example,
    compared,
    page,
    snapshots,
    whole,
)
from tests.stacks.synthesis import ROOT, Template

VALUES = st.recursive(
    st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "a/b", "~1"]), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def present(templates: Mapping[str, Template]) -> Mapping[Path, Any]:
    """The content that each snapshot must have."""
    return snapshots(templates)


@pytest.mark.parametrize(
    "name", [f"{whole().name}.json", *(f"{name}-from-{other}.json" for name, other in compared().items())]
)
def test_templates_are_as_accepted(present: Mapping[Path, Any], name: str) -> None:
    """Any change of a template is seen, intended or not; a change of one environment is seen in its own file."""
    path = SNAPSHOTS / name
    assert path.exists(), f"{path.relative_to(ROOT)} is missing; {COMMAND}"
    # As text, of which pytest shows every line.
    changes = readable(differences(json.loads(path.read_text()), present[path]))
    assert changes == "{}", f"{path.relative_to(ROOT)} differs; if this is intended, {COMMAND}"


def test_chart_of_places_is_as_drawn() -> None:
    """The page shows the numbers of the present prices and speeds."""
    assert CHART.read_text() == chart(whole()), f"{CHART.relative_to(ROOT)} differs; {COMMAND}"


def test_no_snapshot_is_left_of_an_environment_that_is_gone(present: Mapping[Path, Any]) -> None:
    """A file that nothing is compared with would be taken for the truth."""
    left = {path.name for path in SNAPSHOTS.iterdir()} - {path.name for path in present}
    assert not left, f"{COMMAND.replace('writes it', 'removes them')}"


@pytest.mark.parametrize("name", TABLES)
def test_table_of_a_page_is_as_printed(name: str) -> None:
    """A reader finds the values that are deployed."""
    path, _ = TABLES[name]
    assert path.read_text() == page(name), f"the table {name!r} in {path.relative_to(ROOT)} is old; {COMMAND}"


def test_example_of_the_account_is_as_printed(templates: Mapping[str, Template]) -> None:
    """It has every value that a first deploy asks for, and no other."""
    assert EXAMPLE.read_text() == account_example(templates), f"{EXAMPLE.name} is old; {COMMAND}"


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
    trial, live = (
        {
            f"SsmParameterValuewhisper{name}queuenameC96584B6F00A464EAD1953AFF4B05118Parameter": f"/whisper/{name}/queue",
            f"Firewallto{name}ApiFirewall{rule}": f"whisper-{name}-Api",
            "Environment": name,
            "Deployed": "trials of delivery",
        }
        for name, rule in (("trial", "7ACBD0158000983FED5E"), ("live", "EDB630DB8000ED0DEC9C"))
    )
    assert without_name(trial, "trial") == without_name(live, "live")
    assert without_name({"Role": "whisper-live-Api"}, "trial") == {"Role": "whisper-live-Api"}
