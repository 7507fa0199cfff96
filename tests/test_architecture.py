"""The arrows of the house, and what keeps the event loop free. The layers stand in pyproject.toml."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVICE = ROOT / "service"
# Work that takes more than a moment, by the name it is called with.
BLOCKING = {
    "decode",
    "_decode",
    "_recording",
    "_transcript",
    "transcribe",
    "copyfileobj",
    "NamedTemporaryFile",
    "load",
    "sleep",
}


def imports(path: Path) -> Iterator[str]:
    """Dotted names of everything a module imports, wherever in its text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{node.module}"


def test_rooms_import_lower_rooms_only() -> None:
    """Every room has a layer, imports point downwards, and the stacks and the service meet in a few modules only."""
    # In a process of its own: it configures logging, which would silence the service's log in later tests.
    done = subprocess.run(["lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# What the stacks import of the service, and what this consists of.
BRIDGE = ("contract", "settings", "access", "key_filter", "footprint", "task_profile")


@pytest.mark.parametrize("name", BRIDGE)
def test_bridge_imports_the_standard_library_only(name: str) -> None:
    """The stacks import these modules, and must not pull the service's dependencies in."""
    others = {f"service.{other}" for other in BRIDGE}
    foreign = {module for module in imports(SERVICE / f"{name}.py") if module not in others}
    assert {module.split(".")[0] for module in foreign} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", sorted((SERVICE / "http").rglob("*.py")), ids=lambda path: path.stem)
def test_event_loop_never_decodes_or_infers(path: Path) -> None:
    """No coroutine calls blocking work: a call's own thread does it."""
    coroutines = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.AsyncFunctionDef)]
    nodes = [node for coroutine in coroutines for node in ast.walk(coroutine)]
    awaited = {id(node.value) for node in nodes if isinstance(node, ast.Await)}
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in nodes
        if isinstance(node, ast.Call) and id(node) not in awaited
    }
    assert not called & BLOCKING
