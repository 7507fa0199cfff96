"""The environments page says what the values are."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from aws_cdk.aws_logs import RetentionDays

import stacks.environments
from stacks.constructs.private_network import INTERFACE_ENDPOINTS
from stacks.costs import Prices, network_per_month
from stacks.environments import environments
from stacks.plans import Egress
from tests.stacks.synthesis import ROOT

PARTS = ["## What it makes", "## What it costs idle", "## Change it"]


def flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a value and of the values in it, by dotted name; the service's settings have their own page."""
    if is_dataclass(value) and not isinstance(value, type) and name != "settings":
        for f in fields(value):
            yield from flat(getattr(value, f.name), f"{name}.{f.name}".lstrip("."))
    elif name != "settings":
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str("" if value is None else value)
        yield name, value.name.lower() if isinstance(value, RetentionDays) else text or "none"


def rows() -> list[str]:
    """The table of the page."""
    columns = [dict(flat(environment)) for environment in environments()]
    names = dict.fromkeys(name for column in columns for name in column)
    return [f"| `{name}` | {' | '.join(column.get(name, 'none') for column in columns)} |" for name in names]


def test_every_value_of_every_environment_is_documented() -> None:
    """The table and the code say the same."""
    page = (ROOT / "docs" / "environments.md").read_text().partition("## Add one")[0]
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows()


def test_example_of_a_new_environment_works() -> None:
    """The value that the page tells to add is valid beside the others."""
    page = (ROOT / "docs" / "environments.md").read_text()
    example = page.partition("```python\n")[2].partition("```")[0]
    added = eval(example.rstrip().rstrip(","), vars(stacks.environments))
    assert stacks.environments.select("sydney", (*environments(), added)) == (added,)


def test_ways_out_cost_what_the_network_page_says() -> None:
    """The page's dollars are those of the estimate."""
    page = (ROOT / "docs" / "stacks" / "network.md").read_text()
    prices = network_per_month(Prices.read(), endpoints=len(INTERFACE_ENDPOINTS), zones=2)
    for egress in Egress:
        assert f"| `{egress}` | {prices[egress]:.2f} | " in page


def test_every_stack_has_a_page() -> None:
    """What it makes, what it costs idle, how to change it."""
    for stack in ("network", "registry", "recordings", "cluster", "people", "delivery", "gate"):
        page = (ROOT / "docs" / "stacks" / f"{stack}.md").read_text()
        assert [line for line in page.splitlines() if line.startswith("## What it")] == PARTS[:2]
        assert PARTS[2] in page.splitlines()
