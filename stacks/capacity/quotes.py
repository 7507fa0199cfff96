"""The prices of other places than the project's own, each with its date and source."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from stacks.capacity.checks import InvalidEnvironment, read_table, typed, zero_or_more
from stacks.capacity.prices import FILE, QUOTES

# A price that was read longer ago is flagged wherever it is printed. It still counts: a synth must not fail with time.
STALE_MONTHS = 9
# The unit of a discount.
SHARE = "share"
# The unit of a price that counts each channel of a recording.
CHANNEL_HOUR = "hour of a channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One price.

    Attributes:
        dollars: US dollars; of a discount, the share.
        per: the unit that costs as much.
        dated: year and month in which the number was last read at its source, such as 2026-10.
        source: the address of the price list.
        region: of AWS; empty for a price that is the same everywhere.
        note: further conditions of the price.
    """

    dollars: float
    per: str
    dated: str
    source: str
    region: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        typed(self, "quote")
        zero_or_more("quote.dollars", self.dollars)
        if self.per == SHARE and self.dollars >= 1:
            raise InvalidEnvironment("quote.dollars", self.dollars, "a share from 0, below 1, such as 0.6; not percent")
        _month(self.dated)

    def stale(self, today: date) -> bool:
        """Whether the price was read too long ago."""
        return is_stale(self.dated, today)


def quotes(text: str | None = None) -> Mapping[str, Quote]:
    """Every quote by its name; `text` stands for the content of prices.toml.

    Raises:
        InvalidEnvironment: names the quote and its wrong field.
    """
    entries = tomllib.loads(FILE.read_text() if text is None else text).get(QUOTES, {})
    return {name: _quote(name, entry) for name, entry in entries.items()}


def _quote(name: str, entry: Mapping[str, Any]) -> Quote:
    try:
        return read_table(Quote, "quote", entry)
    except InvalidEnvironment as error:
        field = error.name.removeprefix("quote.")
        raise InvalidEnvironment(f"quotes.{name}.{field}", error.value, error.expected) from None


def is_stale(dated: str, today: date) -> bool:
    """Whether a price of this month is too old today.

    >>> is_stale("2026-03", date(2026, 12, 31)), is_stale("2026-03", date(2027, 1, 1))
    (False, True)
    """
    year, month = _month(dated)
    return (today.year - year) * 12 + today.month - month > STALE_MONTHS


def _month(dated: str) -> tuple[int, int]:
    try:
        first = date.fromisoformat(f"{dated}-01")
    except ValueError:
        raise InvalidEnvironment("quote.dated", dated, "a year and a month such as 2026-10") from None
    return first.year, first.month
