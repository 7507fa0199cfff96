"""How long the objects of a versioned bucket can be read."""

from dataclasses import dataclass
from typing import Self

# Long enough to notice a slip on Friday, short enough for a caller who asks to be deleted.
OLD_VERSION_DAYS = 3
# S3 runs each period to the next midnight (UTC): together they may last a day longer than their sum.
ROUNDING_DAYS = 1
# A period cannot be shorter than a day.
LEAST_DAYS = 1 + 1 + ROUNDING_DAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The two periods of a bucket's lifecycle, in days, one after the other.

    Expiration deletes nothing in a versioned bucket: it makes the object an old version, as a deletion and an overwrite
    do, and only then does the period of old versions begin.
    """

    current: int
    old: int

    @classmethod
    def within(cls, days: int) -> Self:
        """The periods after which no version can be read later than `days` (`LEAST_DAYS` or more) after its upload."""
        old = min(OLD_VERSION_DAYS, max(1, days // 10))
        return cls(current=days - old - ROUNDING_DAYS, old=old)
