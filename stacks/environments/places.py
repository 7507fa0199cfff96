"""The place in the values at which an error was raised: file and line, and the environment that is written there."""

import ast
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# The module of the values; a fork may make it a package.
VALUES = "stacks.environments.values"
OURS = ("stacks.", "service.")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A line of the values that was running.

    Attributes:
        path: of the file.
        line: on which a call begins.
        known: the names that the line could use.
    """

    path: Path
    line: int
    known: Mapping[str, Any]

    @cached_property
    def _calls(self) -> list[ast.Call]:
        """Every call of the file."""
        return [node for node in ast.walk(ast.parse(self.path.read_text())) if isinstance(node, ast.Call)]

    @property
    def environment(self) -> str:
        """The name of the environment that is written there; empty for a value that several share."""
        for call in self._calls:
            within = call.lineno <= self.line <= (call.end_lineno or call.lineno)
            for keyword in call.keywords if within and ast.unparse(call.func) == "Environment" else ():
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    return keyword.value.value if isinstance(keyword.value.value, str) else ""
        return ""

    def at(self, field: str = "") -> str:
        """File and line: that of a field such as `workload.agents`, or of its part, else that of the call's begin."""
        lines = {
            str(keyword.arg): keyword.value.lineno
            for call in self._calls
            for keyword in call.keywords
            if call.lineno == self.line
        }
        found = [lines[part] for part in reversed(field.split(".")) if part in lines]
        return f"{shown(self.path)}:{found[0] if found else self.line}"

    def fields(self, part: str) -> Iterator[str]:
        """The fields of a class that the file uses."""
        kind = self.known.get(part)
        return (field.name for field in fields(kind)) if is_dataclass(kind) else iter(())


def place_of(error: BaseException) -> Place | None:
    """The place of an error; None if the product's code raised what is not a refusal."""
    place = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(VALUES):
            known = {**frame.f_globals, **frame.f_locals}
            place = Place(path=Path(frame.f_code.co_filename), line=line, known=known)
        elif module.startswith(OURS) and not isinstance(error, ValueError):
            place = None
    return place


def shown(path: Path | str) -> str:
    """A file as seen from the project's folder."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
