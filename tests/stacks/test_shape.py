"""The stacks stay small, and only values shape a template."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stacks.synthesis import ROOT

FOLDER = ROOT / "stacks"


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


@pytest.mark.parametrize("path", [*FOLDER.rglob("*.py")], ids=lambda path: str(path.relative_to(FOLDER)))
def test_nothing_is_read_from_the_shell(path: Path) -> None:
    """Account and region are values: no environment variable, process or network call shapes a template."""
    assert not set(imported(path)) & {"os", "subprocess", "boto3", "socket", "urllib.request"}


@pytest.mark.parametrize("path", [*FOLDER.rglob("stack.py")], ids=lambda path: path.parent.name)
def test_stack_is_wiring(path: Path) -> None:
    """A stack's resources are in its constructs; the stack itself fits on a screen and a half."""
    assert len(path.read_text().splitlines()) <= 80


def test_app_is_a_table_of_contents() -> None:
    """The entry point is readable at a glance."""
    assert len((ROOT / "app.py").read_text().splitlines()) <= 25
