"""The arrows among the stacks, and how small they stay."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stacks.synthesis import ROOT, STACKS

FOLDER = ROOT / "stacks"
CONSTRUCTS = sorted(path for path in (FOLDER / "constructs").glob("*.py") if path.stem != "__init__")
WIRING = [FOLDER / f"{stack.lower()}.py" for stack in (*STACKS, "Gate", "Models")]
# Plain values: no construct, and nothing that starts the CDK.
PURE = [FOLDER / "capacity.py", FOLDER / "costs.py", FOLDER / "disk.py"]


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


@pytest.mark.parametrize("path", [ROOT / "app.py", *FOLDER.rglob("*.py")], ids=lambda path: path.stem)
def test_stacks_know_of_the_service_its_settings_only(path: Path) -> None:
    """The service's engine, and what it needs, never loads at synth."""
    assert {name for name in imported(path) if name.split(".")[0] == "service"} <= {"service.settings"}


@pytest.mark.parametrize("path", CONSTRUCTS, ids=lambda path: path.stem)
def test_constructs_never_import_stacks(path: Path) -> None:
    """A construct is built from other constructs and from values, so that it fits into any stack."""
    allowed = (
        "stacks.constructs.",
        "stacks.environments.environment",
        "stacks.environments.plans",
        "stacks.capacity.plan",
    )
    ours = {name for name in imported(path) if name.split(".")[0] == "stacks"}
    assert {name for name in ours if not name.startswith(allowed)} == set()


@pytest.mark.parametrize("path", WIRING, ids=lambda path: path.stem)
def test_stacks_never_import_each_other(path: Path) -> None:
    """A stack gets what it needs from the stage, as objects."""
    others = {f"stacks.{other.stem}" for other in WIRING}
    assert not others & set(imported(path))


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.stem)
def test_arithmetic_is_free_of_the_cloud(path: Path) -> None:
    """Capacity, costs and disk space are plain numbers, usable without the CDK."""
    assert not {name for name in imported(path) if name.split(".")[0] in {"aws_cdk", "constructs"}}


@pytest.mark.parametrize("path", [*FOLDER.rglob("*.py")], ids=lambda path: path.stem)
def test_nothing_is_read_from_the_shell(path: Path) -> None:
    """Account and region are values: no environment variable, process or network call shapes a template."""
    assert not set(imported(path)) & {"os", "subprocess", "boto3", "socket", "urllib.request"}


@pytest.mark.parametrize("path", WIRING, ids=lambda path: path.stem)
def test_stack_is_wiring(path: Path) -> None:
    """What a stack is made of is in constructs; the stack fits on a screen and a half."""
    assert len(path.read_text().splitlines()) <= 80


def test_app_is_a_table_of_contents() -> None:
    """The entry point is read at a glance."""
    assert len((ROOT / "app.py").read_text().splitlines()) <= 25
