"""Checks that the parts of an environment share; each names the field, the value and the expectation."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from ipaddress import IPv4Network
from itertools import combinations

from stacks.capacity import InvalidEnvironment


def ipv4(name: str, cidr: str) -> IPv4Network:
    """The addresses that a field's value denotes."""
    try:
        return IPv4Network(cidr)
    except ValueError:
        raise InvalidEnvironment(name, cidr, "an IPv4 network such as 10.64.0.0/20") from None


def apart(networks: Sequence[tuple[str, str]]) -> None:
    """Refuse two fields whose addresses overlap, each given by name and value; the error names the second."""
    for (first, a), (second, b) in combinations(networks, 2):
        if ipv4(first, a).overlaps(ipv4(second, b)):
            raise InvalidEnvironment(second, b, f"addresses apart from {first} {a}")


def chosen(name: str, value: object, kind: type[StrEnum]) -> None:
    """Refuse anything but a member of a choice.

    A member's text is refused, too: it equals the member, but `is` comparisons would overlook it.
    """
    if not isinstance(value, kind):
        members = listed(f"{kind.__name__}.{member.name}" for member in kind)
        raise InvalidEnvironment(name, value, f"one of {members}")


def listed(values: Iterable[object]) -> str:
    """Values separated by commas, for an error message."""
    return ", ".join(map(str, values))
