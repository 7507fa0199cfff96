"""Markdown tables that also read well on a terminal."""

from collections.abc import Sequence

from service.evaluation.comparison import resampled_rate
from service.evaluation.turns import Punctuality


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with its columns aligned.

    >>> print(markdown(("engine", "words"), [["ours", "12"]]))
    | engine | words |
    |--------|-------|
    | ours   | 12    |
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, *rows)
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def rate(turns: Sequence[tuple[int, int]]) -> str:
    """The share of errors with its 95 % interval, from units and errors of each turn.

    >>> rate([(10, 1), (10, 1)])
    '10.0 % (10.0 to 10.0)'
    """
    if not sum(count for count, _ in turns):
        return "none"
    found = resampled_rate(turns)
    return f"{found.value * 100:.1f} % ({found.low * 100:.1f} to {found.high * 100:.1f})"


def punctuality(errors: Sequence[float | None]) -> tuple[str, str]:
    """Median and 95th percentile of the absolute errors in seconds, and the share within 0.3 s."""
    found = Punctuality.of(errors)
    return f"{found.median:.2f}, {found.p95:.2f} s", f"{found.within:.0%}"
