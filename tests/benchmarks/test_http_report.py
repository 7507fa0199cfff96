"""The table of `make bench-http`."""

import math
from collections import Counter

import pytest

from benchmarks.http.report import Figures, printed
from benchmarks.http.scenarios import Load, Request, quantile


def test_table_has_a_row_of_as_many_cells_for_every_figure() -> None:
    """A server without a figure has an empty cell."""
    alone = Figures(throughput=20.0)
    loaded = Figures(
        throughput=19.0,
        saturated_clip=[1.0, 2.0],
        overload_rate=4.0,
        overload_statuses=Counter({200: 3, 503: 2, 0: 1}),
        retry_after=[3, 60],
        peak_mib=512.0,
    )
    table = printed({"engine alone": alone, "service": loaded})
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {4}
    assert "| … of the engine alone | 1.00 | 0.95 |" in rows
    assert "| … how they ended |  | 1 of no answer, 3 of 200, 2 of 503 |" in rows
    assert "| … `Retry-After`, least to greatest |  | 3 to 60 s |" in rows


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_quantile_is_the_value_that_the_share_does_not_exceed(share: float, value: int) -> None:
    """By the nearest rank, without interpolation."""
    assert quantile(range(1, 101), share) == value
    assert math.isnan(quantile([], share))


def test_throughput_counts_answers_within_the_load_only() -> None:
    """Neither refusals, nor answers that came after its end, are audio that was transcribed in its time."""
    load = Load(
        requests=(
            Request(kind="clip", status=200, began=0.0, seconds=1.0),
            Request(kind="clip", status=503, began=1.0, seconds=1.0),
            Request(kind="clip", status=200, began=9.0, seconds=5.0),
        ),
        began=0.0,
        ended=10.0,
    )
    assert load.audio_per_second == pytest.approx(1.0)
    assert load.drained("clip") == pytest.approx(4.0)
    assert load.statuses("clip") == Counter({200: 2, 503: 1})
