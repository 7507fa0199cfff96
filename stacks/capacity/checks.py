"""The refusal of a wrong value: by its type, which the annotations give, and by the limits of a number."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import time
from enum import Enum
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

from service.settings import WrongValue

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Part = TypeVar("Part", bound="DataclassInstance")

# An error lists the members of a choice up to this number.
MANY = 8
EXPECTED = {
    bool: "True or False",
    float: "a number",
    int: "a whole number",
    str: "a text in quotes",
    time: "a time such as time(7, 30)",
    type(None): "None",
}


class InvalidEnvironment(WrongValue):
    """A value of an environment, or of one of its parts, that breaks its rule.

    `stacks.environments` exports it; it stands here because workloads and speeds are refused with it, too.
    """


def typed(part: "DataclassInstance", name: str) -> None:
    """Refuse every field whose value is not of the annotated type; `name` is how an environment names the part.

    Other checks can then compare and search without looking at types first. A member's text is refused for a member of
    a choice: it equals the member, but `is` comparisons would overlook it.
    """
    kinds = _kinds(type(part))
    for field in fields(part):
        value, kind = getattr(part, field.name), kinds[field.name]
        if not _is(value, kind):
            # An error shows every value in quotes.
            bare = ", without quotes" if isinstance(value, str) and kind in (bool, float, int) else ""
            raise InvalidEnvironment(f"{name}.{field.name}", value, _expected(kind) + bare)


def read_table(kind: type[Part], name: str, table: Mapping[str, Any]) -> Part:
    """A dataclass from a table of a file.

    Raises:
        InvalidEnvironment: the table lacks a field, or has an unknown one.
    """
    known = {field.name: field for field in fields(kind)}
    for unknown in sorted(table.keys() - known.keys()):
        raise InvalidEnvironment(f"{name}.{unknown}", table[unknown], f"one of the fields {', '.join(known)}")
    for field in known.values():
        if field.default is MISSING and field.name not in table:
            raise InvalidEnvironment(f"{name}.{field.name}", "nothing", "a value")
    return kind(**table)


def whole(name: str, value: int, *, least: int, most: int | None = None) -> None:
    """Refuse whole numbers beyond the limits."""
    if value < least or (most is not None and value > most):
        expected = f"{least} or more" if most is None else f"from {least} to {most}"
        raise InvalidEnvironment(name, value, f"a whole number, {expected}")


def above_zero(name: str, value: float) -> None:
    """Refuse zero, negative numbers, infinity and NaN."""
    if not 0 < value < math.inf:
        raise InvalidEnvironment(name, value, "a number above 0")


def zero_or_more(name: str, value: float) -> None:
    """Refuse negative numbers, infinity and NaN."""
    if not 0 <= value < math.inf:
        raise InvalidEnvironment(name, value, "0 or more")


@cache
def _kinds(part: type) -> dict[str, Any]:
    """The annotated types of a dataclass's fields."""
    return get_type_hints(part)


def _is(value: object, kind: Any) -> bool:
    """Whether a value is of an annotated type; True is no number, and a whole number is a number."""
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is(entry, get_args(kind)[0]) for entry in value)
    if isinstance(kind, UnionType):
        return any(_is(value, choice) for choice in get_args(kind))
    if kind in (int, float):
        return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    return isinstance(value, kind)


def _expected(kind: Any) -> str:
    """An annotated type in words."""
    if get_origin(kind) is tuple:
        entry = get_args(kind)[0]
        if isinstance(entry, type) and is_dataclass(entry):
            return f"{entry.__name__}(…) in brackets, with a comma after each"
        return 'texts in brackets, such as ("one",) or ("one", "two")'
    if isinstance(kind, UnionType):
        return " or ".join(map(_expected, get_args(kind)))
    if isinstance(kind, type) and is_dataclass(kind):
        return f"{kind.__name__}(…)"
    if issubclass(kind, Enum):
        members = [f"{kind.__name__}.{member.name}" for member in kind]
        return f"one of {', '.join(members)}" if len(members) <= MANY else f"one like {members[0]}"
    return EXPECTED[kind]
