"""The pages agree with the code, and their commands with the AWS CLI."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.model import StructureShape
from botocore.session import get_session

import stacks.environments
from service.settings import Settings
from stacks.capacity import Prices, Workload, network_per_month
from stacks.environments import INTERFACE_ENDPOINTS, Egress, NetworkPlan, select
from tests.stacks.factory import LINE
from tests.stacks.synthesis import ROOT, STACKS

PAGES = sorted((ROOT / "docs").rglob("*.md"))
# Commands, families of commands and options that the AWS CLI adds to the operations of the API.
OWN_COMMANDS = {("logs", "tail"), ("ecr", "get-login-password"), ("cloudformation", "deploy")}
OWN_FAMILIES = {"s3", "configure", "sso"}
OWN_OPTIONS = {"query", "output", "max-items", "region", "profile"}
# Options that the AWS CLI calls otherwise than the API.
RENAMED = {("sns", "subscribe"): {"notification-endpoint"}}
PARTS = ["## What it makes", "## What it costs idle", "## Change it"]


def test_example_of_a_new_environment_works() -> None:
    """The example is valid, with the names that the file of the values imports."""
    page = (ROOT / "docs" / "environments.md").read_text()
    example = page.partition("```python\n")[2].partition("```")[0]
    added = eval(
        example.rstrip().rstrip(","), {**vars(stacks.environments), "Settings": Settings, "Workload": Workload}
    )
    assert select(added.name, (*LINE, added)) == (added,)


def test_network_page_has_the_costs_of_each_egress() -> None:
    """The dollars on the page are those of the estimate."""
    page = (ROOT / "docs" / "stacks" / "network.md").read_text()
    prices = network_per_month(Prices.read(), endpoints=len(INTERFACE_ENDPOINTS), zones=2)
    for egress in Egress:
        assert f"| `{egress}` | {prices[egress]:.2f} | " in page


def test_network_page_has_the_addresses_of_each_size() -> None:
    """The table has the numbers that the address check takes."""
    page = (ROOT / "docs" / "stacks" / "network.md").read_text()
    for prefix in (20, 22, 24):
        room = [
            NetworkPlan(cidr=f"10.0.0.0/{prefix}", zones=zones, egress=egress).task_addresses
            for zones in (("a", "b"), ("a", "b", "c"))
            for egress in (Egress.NAT, Egress.ENDPOINTS)
        ]
        assert f"| /{prefix} | {' | '.join(map(str, room))} |" in page


def test_example_of_an_existing_network_works() -> None:
    """The example is a valid value of an environment."""
    page = (ROOT / "docs" / "stacks" / "network.md").read_text()
    example = page.partition("```python\nnetwork=")[2].partition("```")[0]
    network = eval(example.rstrip().rstrip(","), vars(stacks.environments))
    assert replace(LINE[0], network=network).network.zones == ("a", "b", "c")


def test_every_stack_has_a_page() -> None:
    """Each page has the three common headings."""
    for stack in (*STACKS, "Gate"):
        page = (ROOT / "docs" / "stacks" / f"{stack.lower()}.md").read_text()
        assert [line for line in page.splitlines() if line.startswith("## What it")] == PARTS[:2]
        assert PARTS[2] in page.splitlines()


def commands(text: str) -> Iterator[tuple[str, str, set[str]]]:
    """Service, operation and options of each AWS CLI command in the code of a page."""
    blocks = re.findall(r"^ *```[^\n`]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = chain.from_iterable(re.sub(r"\\\n", " ", block).splitlines() for block in blocks)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    for line in chain(lines, (re.sub(r"\s+", " ", span) for span in spans)):
        # Quoted text is ignored; a command inside another command counts separately.
        bare = re.sub(r"'[^']*'", "", line)
        for command in re.split(r"\baws (?=[a-z])", bare)[1:]:
            if found := re.match(r"([a-z0-9-]+) ([a-z0-9-]+)", command):
                yield found[1], found[2], set(re.findall(r"(?<!\S)--([a-z-]+)", command))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "docs")))
def test_commands_of_a_page_exist(page: Path) -> None:
    """AWS has each operation and each of its options, so a copied command does not fail with a usage message."""
    session = get_session()
    for service, operation, options in commands(page.read_text()):
        if (service, operation) in OWN_COMMANDS or service in OWN_FAMILIES:
            continue
        model = session.get_service_model(service)
        names = {xform_name(name, "-"): name for name in model.operation_names}
        assert operation in names, (service, operation)
        shape = model.operation_model(names[operation]).input_shape
        members = {xform_name(name, "-") for name in shape.members} if isinstance(shape, StructureShape) else set()
        known = OWN_OPTIONS | members | {f"no-{name}" for name in members} | RENAMED.get((service, operation), set())
        assert options <= known, (service, operation, options - known)


def test_commands_are_found_in_code_blocks_pipes_and_sentences() -> None:
    """The test above would pass if no command were found."""
    text = "```\naws a b --c \\\n    --d 'aws x y'\nxargs aws e f --g \"$(aws h i --j)\"\n```\nSay `aws k l\n--m`."
    assert list(commands(text)) == [
        ("a", "b", {"c", "d"}),
        ("e", "f", {"g"}),
        ("h", "i", {"j"}),
        ("k", "l", {"m"}),
    ]
    assert len([command for page in PAGES for command in commands(page.read_text())]) > 30


def logged() -> tuple[set[str], set[str]]:
    """Messages and fields of every log line of the service."""
    calls = [
        node
        for path in (ROOT / "service").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"log", "telemetry.log"}
    ]
    # One of two messages may be chosen in the call.
    texts = [node for call in calls for node in ast.walk(call.args[0]) if isinstance(node, ast.Constant)]
    messages = {node.value for node in texts if isinstance(node.value, str)}
    return messages, {str(keyword.arg) for call in calls for keyword in call.keywords}


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "runbooks"], ids=lambda page: page.stem)
def test_runbook_filters_for_lines_that_the_service_logs(page: Path) -> None:
    """A filter for a wrong field or message finds nothing, which looks like good health."""
    messages, fields = logged()
    filters = re.findall(r"--filter-pattern '([^']*)'", page.read_text())
    assert bool(filters) == ("--filter-pattern" in page.read_text())
    for text in filters:
        assert set(re.findall(r"\$\.(\w+)", text)) <= fields | {"message", "exception"}
        assert set(re.findall(r'\$\.message = "([^"]*)"', text)) <= messages
