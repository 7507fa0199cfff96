"""The table of the stress test, for the terminal and for its page, and the charts beside it."""

import re
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.stress import chart
from benchmarks.stress.measurement import Measured
from benchmarks.stress.scenarios import DRAIN, SCENARIOS, Scenario
from service import processor
from stacks.capacity.simulation import Outcome

DOCS = Path(__file__).parents[2] / "docs"
PAGE, CHARTS = DOCS / "stress.md", DOCS / "stress"
BEGIN, END = "<!-- table: `make stress ARGS=--write` writes it -->", "<!-- end of the table -->"
GOAL = 0.1

Rounds = Sequence[tuple[Measured, Outcome]]


def middle(rounds: Rounds) -> tuple[Measured, Outcome]:
    """The round whose measured time is the median."""
    return sorted(rounds, key=lambda pair: pair[0].drained)[len(rounds) // 2]


def deviation(rounds: Rounds) -> float:
    """How far the simulator's median is from the measured one, as a share of it."""
    measured = statistics.median(found.drained for found, _ in rounds)
    return statistics.median(outcome.drain_seconds for _, outcome in rounds) / measured - 1


def table(found: Mapping[Scenario, Rounds], *, seconds: float, load: float, overhead: float) -> str:
    """The figures; times are hours and minutes of the plan.

    Args:
        found: the rounds of each scenario.
        seconds: that the test took.
        load: average of the machine before it.
        overhead: seconds of a call beside its length.
    """
    lines = [
        "| scenario | calls | rounds | most tasks | with relief | last transcript | simulated | deviation | slack | simulated |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for scenario, rounds in found.items():
        measured, outcome = middle(rounds)
        drained = statistics.median(each.drained for each, _ in rounds)
        simulated = statistics.median(each.drain_seconds for _, each in rounds)
        spread = " to ".join(_time(edge(each.drained for each, _ in rounds)) for edge in (min, max))
        cells = (
            scenario.title,
            str(len(scenario.arrivals)),
            str(len(rounds)),
            f"{max(s.running for s in measured.samples)}",
            f"{max(s.relief for s in measured.samples)}",
            _time(drained) + (f" ({spread})" if len(rounds) > 1 else ""),
            _time(simulated),
            f"{deviation(rounds):+.1%}",
            _time(outcome.slack_seconds + outcome.drain_seconds - drained),
            _time(outcome.slack_seconds),
        )
        lines.append(f"| {' | '.join(cells)} |")
    met = "within" if abs(deviation(found[DRAIN])) <= GOAL else "not within"
    starts = statistics.median(each.start_seconds for rounds in found.values() for each, _ in rounds)
    note = (
        f"{_machine()}, a load of {load:.1f} before; {seconds:.0f} s in all. A worker took {_time(starts)} of the plan to start, and"
        f" {overhead:.0f} s for a call beside its length. The simulator's time for the batch is {met} {GOAL:.0%} of the measured"
        f" one (median of {len(found[DRAIN])})."
    )
    lines += ["", note]
    return "\n".join(lines)


def write(found: Mapping[Scenario, Rounds], text: str) -> None:
    """Write the charts, and the table into the page."""
    CHARTS.mkdir(exist_ok=True)
    for scenario in SCENARIOS:
        measured, outcome = middle(found[scenario])
        drawn = chart.svg(scenario.title, measured=measured.samples, simulated=outcome.samples, note=_machine())
        (CHARTS / f"{scenario.name}.svg").write_text(drawn, "utf-8")
    page = PAGE.read_text("utf-8")
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    PAGE.write_text(between.sub(lambda _: f"{BEGIN}\n{text}\n{END}", page), "utf-8")


def _machine() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}, {processor.name()}, {processor.available_cpus()} CPUs"


def _time(seconds: float) -> str:
    """Hours and minutes.

    >>> _time(5400), _time(-90)
    ('1 h 30', '-2 min')
    """
    minutes = round(abs(seconds) / 60)
    text = f"{minutes // 60} h {minutes % 60:02}" if minutes >= 60 else f"{minutes} min"
    return f"-{text}" if seconds < 0 else text
