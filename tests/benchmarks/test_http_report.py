"""The table of `make bench-http`."""

import math
import subprocess
import sys
import time
from collections import Counter

import pytest

from benchmarks.http.cpu import CpuLog
from benchmarks.http.report import Figures, printed
from benchmarks.http.scenarios import Load, Patience, Request, quantile


def test_table_has_a_row_of_as_many_cells_for_every_figure() -> None:
    """A server without a figure has an empty cell."""
    alone = Figures(throughput=20.0, cpu=2.0)
    loaded = Figures(
        throughput=19.0,
        cpu=1.9,
        load_cpu=0.1,
        patience=Patience(arrivals=9, refused=4, in_at_first_return=3, late=[0.0, 1.0]),
        saturated_clip=[1.0, 2.0],
        overload_rate=4.0,
        overload_statuses=Counter({200: 3, 503: 2, 0: 1}),
        retry_after=[3, 60],
        peak_mib=512.0,
    )
    table = printed({"engine alone": alone, "service": loaded})
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {4}
    assert "| … of the engine alone, which shares the CPUs with no load | 1.00 | 0.95 |" in rows
    assert "| seconds of audio a CPU second of the server | 10.0 | 10.0 |" in rows
    assert "| … of the engine alone | 1.00 | 1.00 |" in rows
    assert "| … arrivals that were refused |  | 4 of 9 |" in rows
    assert "| … how the attempts ended |  | 1 of no answer, 3 of 200, 2 of 503 |" in rows
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


def test_patience_is_that_of_callers_that_were_refused() -> None:
    """One was never refused, one got in at its first return, one at its second, and one never."""

    def attempt(began: float, came: float, *, told: int = 0, retry_after: int | None = None) -> Request:
        status = 503 if retry_after else 200
        return Request(
            kind="arrival", status=status, began=began, seconds=0.5, retry_after=retry_after, came=came, told=told
        )

    load = Load(
        requests=(
            attempt(0.0, 0.0),
            attempt(1.0, 1.0, retry_after=10),
            attempt(11.5, 1.0, told=10),
            attempt(2.0, 2.0, retry_after=10),
            attempt(12.5, 2.0, told=10, retry_after=5),
            attempt(18.0, 2.0, told=10),
            attempt(3.0, 3.0, retry_after=10),
        ),
        began=0.0,
        ended=20.0,
    )
    found = load.patience
    assert (found.arrivals, found.refused, found.in_at_first_return) == (4, 3, 1)
    assert found.late == pytest.approx([0.0, 5.5])


def test_cpu_time_includes_that_of_children_that_have_ended() -> None:
    """The service decodes in processes that end at once."""
    work = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    parent = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {work!r}])\nprint()\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        used, began = CpuLog({"it": process.pid}), time.time()
        with used.running():
            assert process.stdout
            process.stdout.readline()
            time.sleep(1.1)
        process.kill()
    assert 0.3 <= used.between("it", began, time.time()) <= 2.0
