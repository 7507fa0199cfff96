"""Rows as lines: JSON, or for a person counts and tables."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby, islice

from service.batch.rows import Row, VersionRow

# Rows that are aligned with each other, so that a long list begins at once and takes no memory.
PAGE = 100


def lines(rows: Iterable[Row], *, as_json: bool) -> Iterator[str]:
    """The lines of some rows; as text, the versions in each state are a table, and other rows have a line for each count."""
    if as_json:
        yield from (row.to_json() for row in rows)
        return
    for number, (_, group) in enumerate(groupby(rows, key=lambda row: (type(row), getattr(row, "state", None)))):
        if number:
            yield ""
        yield from _text(iter(group))


def _text(rows: Iterator[Row]) -> Iterator[str]:
    first = next(rows)
    if isinstance(first, VersionRow):
        versions = (row for row in rows if isinstance(row, VersionRow))
        yield from _table(first, versions)
    else:
        yield from (f"{name:<20} {value:>8}" for name, value in first.to_dict().items())


def _table(first: VersionRow, others: Iterator[VersionRow]) -> Iterator[str]:
    page, widths = [first, *islice(others, PAGE)], dict[str, int]()
    while page:
        now = datetime.now(UTC)
        cells = [row.cells(now) for row in page]
        if not widths:
            cells.insert(0, {heading: heading for heading in cells[0]})
        widths = {heading: max(widths.get(heading, 0), *(len(row[heading]) for row in cells)) for heading in cells[0]}
        yield from ("  ".join(f"{text:<{widths[name]}}" for name, text in row.items()).rstrip() for row in cells)
        page = list(islice(others, PAGE))
