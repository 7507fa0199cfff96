"""The arrows of the house: who may import whom."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICE = Path(__file__).parent.parent / "service"

# A room may import the rooms of lower floors only. The data walks up: audio → windows → engine → transcript's face.
FLOORS = (
    {"__main__"},
    {"api", "cli", "evaluate", "health", "jobs", "worker"},
    {"engine", "middleware", "results", "weights"},
    {"responses"},
    {"model", "transcript", "windows"},
    {"audio"},
    {"decoder"},
    {"aws", "losses"},
    {"guard", "processor", "telemetry"},
    {"errors", "events", "settings"},
)
# Work that takes more than a moment, by the name it is called with.
BLOCKING = {"decode", "_decode", "_work", "transcribe", "copyfileobj", "NamedTemporaryFile", "load", "sleep", "result"}


def modules() -> list[Path]:
    """The service's modules, without the package's own file."""
    return sorted(path for path in SERVICE.glob("*.py") if path.stem != "__init__")


def imports(path: Path) -> Iterator[str]:
    """Dotted names of everything a module imports, wherever in its text."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms(path: Path) -> set[str]:
    """The rooms of the service that a module imports."""
    return {name.split(".")[1] for name in imports(path) if name.startswith("service.")}


def floor(room: str) -> int:
    """Which floor a room is on, counted from the top."""
    return next(number for number, names in enumerate(FLOORS) if room in names)


def test_every_room_has_a_floor() -> None:
    """A new module is given its place before it is given imports."""
    assert {path.stem for path in modules()} == set().union(*FLOORS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_room_imports_lower_floors_only(path: Path) -> None:
    """Imports point downwards: no cycles, and `api` and `cli` do not know each other."""
    wrong = {room for room in rooms(path) if floor(room) <= floor(path.stem)}
    assert not wrong


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_service_never_imports_infrastructure(path: Path) -> None:
    """The service runs in a container that holds neither the stacks nor the CDK."""
    assert not {name for name in imports(path) if name.split(".")[0] in {"stacks", "aws_cdk", "constructs"}}


def test_settings_import_the_standard_library_only() -> None:
    """The stacks import the settings, and must not pull the service's dependencies in."""
    assert {name.split(".")[0] for name in imports(SERVICE / "settings.py")} <= sys.stdlib_module_names


def test_event_loop_never_decodes_or_infers() -> None:
    """No coroutine calls blocking work; it is handed to a call's thread, and only awaited results are read."""
    tree = ast.parse((SERVICE / "api.py").read_text())
    coroutines = [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for coroutine in coroutines
        for node in ast.walk(coroutine)
        if isinstance(node, ast.Call)
    }
    assert "run_in_executor" in called
    assert not called & (BLOCKING - {"result"})
