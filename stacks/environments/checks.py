"""Checks that the parts of an environment share; each names the field, the value and the expectation."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
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


def nearest(value: str, known: Iterable[str]) -> str:
    """The end of an expectation: the known text that was probably meant; empty if none is near."""
    found = get_close_matches(value, list(known), n=1)
    return f"; the nearest is {found[0]}" if found else ""


def listed(values: Iterable[object]) -> str:
    """Values separated by commas, for an error message."""
    return ", ".join(map(str, values))
