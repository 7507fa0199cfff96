"""The refusal of a wrong value, and the checks of numbers."""

import math

from service.settings import WrongValue


class InvalidEnvironment(WrongValue):
    """A value of an environment, or of one of its parts, that breaks its rule.

    `stacks.environments` exports it; it stands here because workloads and speeds are refused with it, too.
    """


def whole(name: str, value: int, *, least: int, most: int | None = None) -> None:
    """Refuse anything but a whole number within the limits."""
    if not isinstance(value, int) or value < least or (most is not None and value > most):
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
