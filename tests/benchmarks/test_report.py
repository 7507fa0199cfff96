"""The tables and the chart, from invented cells."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.corpus import SAMPLES, Case
from benchmarks.speed import chart, errors, grid, report
from benchmarks.speed.cells import Cell, Results
from service.evaluation.golden import GoldenRecording, Turn

TURNS = (
    Turn(channel=0, text="good morning", times=(0.0, 1.0)),
    Turn(channel=1, text="hello", times=(1.5, 2.0)),
)
CASE = Case(
    kind=SAMPLES,
    name="call",
    path=Path("call.wav"),
    band="8 kHz",
    seconds=60.0,
    golden=GoldenRecording(number=0, audio="call.wav", language="en", turns=TURNS),
)
RIGHT = [[0, 0.0, 1.0, "Good morning."], [1, 1.5, 2.0, "Hello."]]
FACTS: dict[str, Any] = {
    "date": "2026-11-26", "trial": False, "processor": "A & B", "cpus": 2, "flags": ["avx2"], "threads": 2,
    "model": "base", "encoder_macs": 43_683_840_000, "versions": {"ctranslate2": "4.8"}, "digests": {},
}  # fmt: skip


def cell(contestant: str, seconds: float, *, mixed: bool = False, segments: object = RIGHT, peak: int = 1) -> Cell:
    """One pass over the call."""
    return Cell(
        section=grid.ALL_CALLS,
        contestant=contestant,
        mixed=mixed,
        calls=("call",),
        call_seconds=60.0,
        seconds=seconds,
        cpu_seconds=2 * seconds,
        peak_bytes=peak * 10**6,
        found=[{"language": "en", "segments": segments}],
    )


@pytest.fixture
def results() -> Results:
    """Three passes of the project's engine, and one of each of two peers."""
    batched = cell(f"{grid.BATCHED} 8", 4, segments=[[0, 0.0, 1.0, "Good mourning."]], peak=300)
    limits = Cell(section=grid.LIMITS, contestant="products of matrices", seconds=1)
    limits.found.append({"float32": 1e11, "bfloat16": 2e11, "int8": 4e11})
    encoder = Cell(section=grid.LIMITS, contestant="ours", seconds=1)
    encoder.found.append({"encoder": "ctranslate2 4.8.5 int8_float32", "encoder_seconds": 0.5})
    failed = Cell(section=grid.ALL_CALLS, contestant=grid.OPENAI, failure="no PyTorch")
    ours = [cell(grid.OURS, seconds, peak=100) for seconds in (1, 2, 3)]
    original = cell(grid.ORIGINAL, 8, mixed=True, segments=[[0, 0.0, 2.0, "Good morning hello."]])
    return Results(facts=FACTS, cells=[*ours, batched, original, limits, encoder, failed])


def test_a_row_has_medians_memory_and_errors(results: Results) -> None:
    """The median of three passes, their range, the highest memory, and the shares of wrong words."""
    rows = {row.split("|")[1].strip(): row for row in report.text(results, [CASE]).splitlines() if "|" in row}
    ours = [part.strip() for part in rows[grid.OURS].split("|")[1:-1]]
    assert ours[:8] == [grid.OURS, "30.0", "20.0, 60.0", "3", "4", "100", "0.0%", "0.0%"]
    # 1.5 s of speech in windows of 30 s, in 2 s.
    assert ours[8] == f"{2 * 43.68384e9 * 1.5 / 30 / 2 / 4e11:.1%}"
    assert "66.7%" in rows[f"{grid.BATCHED} 8"], "one word wrong and one missing, of three"
    assert "0.0% of the mixed words" in rows[grid.ORIGINAL]


def test_goals_are_ratios_on_the_same_calls(results: Results) -> None:
    """A goal is met or missed by the figures of one section."""
    text = report.text(results, [CASE])
    goals = [line for line in text.splitlines() if " or more " in line]
    assert [[part.strip() for part in line.split("|")[1:-1]] for line in goals] == [
        ["speed ÷ original service", "4.00", "6 or more", "missed"],
        ["speed ÷ fastest batched faster-whisper", "2.00", "2 or more", "met"],
        ["its word errors ÷ ours", "none by ours", "1 or more", "met"],
        ["its peak memory ÷ ours", "3.00", "2 or more", "met"],
        ["encoder ÷ its limit", "0.44", "0.5 or more", "missed"],
    ]
    assert f"- {grid.OPENAI}, {grid.ALL_CALLS}: no PyTorch" in text


def test_mixed_calls_are_judged_in_call_order() -> None:
    """A mixed call has one channel, whose truth has both speakers' turns."""
    heard = [{"language": "en", "segments": [[0, 0.0, 2.0, "good morning hello"]]}]
    assert errors.share(errors.count({"call": CASE}, ["call"], heard, mixed=True).channels) == 0.0
    assert errors.share(errors.count({"call": CASE}, ["call"], heard, mixed=False).channels) > 0.0


def test_a_page_keeps_its_text_around_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is between the marks changes."""
    page = tmp_path / "benchmark.md"
    page.write_text(f"# Title\n{report.BEGIN}old\n{report.END}rest\n", "utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    report.write("new\n")
    assert page.read_text("utf-8") == f"# Title\n{report.BEGIN}new\n{report.END}rest\n"


def test_the_chart_is_well_formed_and_has_each_family_once(results: Results) -> None:
    """Names with special characters are escaped, and of a peer's settings only the fastest is drawn."""
    results.cells.append(cell(f"{grid.BATCHED} 16", 3))
    drawn = ET.fromstring(chart.svg(results))
    texts = [found.text for found in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert f"{grid.BATCHED} 16" in texts
    assert f"{grid.BATCHED} 8" not in texts
    assert texts[-1] == "A & B, 2026-11-26"
