"""A scenario as SVG: queue, tasks, age and slack over time, the simulator beside the measurement."""

from collections.abc import Callable, Sequence
from html import escape

from stacks.capacity.simulation import Sample

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 860, 130, 70, 20, 46, 34
MEASURED, SIMULATED, GRID = "#1f6feb", "#d1570b", "#d0d7de"
HOUR = 3600.0

PANELS: Sequence[tuple[str, Callable[[Sample], float]]] = (
    ("recordings waiting and in work", lambda sample: sample.waiting + sample.working),
    ("tasks at work, relief included", lambda sample: sample.running + sample.relief),
    ("age of the oldest recording, hours", lambda sample: sample.oldest_seconds / HOUR),
    ("slack before the deadline, hours", lambda sample: sample.slack_seconds / HOUR),
)


def svg(title: str, *, measured: Sequence[Sample], simulated: Sequence[Sample], note: str) -> str:
    """The chart; times are hours of the plan, and `note` is its last line."""
    last = max(sample.seconds for sample in (*measured, *simulated)) / HOUR
    body = [
        f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>',
        f'<text x="{LEFT}" y="38" fill="{MEASURED}">measured</text>',
        f'<text x="{LEFT + 70}" y="38" fill="{SIMULATED}">simulated</text>',
    ]
    y = TOP
    for name, value in PANELS:
        body += _panel(name, [(MEASURED, measured), (SIMULATED, simulated)], value, top=y, last=last)
        y += PANEL + GAP
    body.append(f'<text x="{LEFT}" y="{y + 8}" fill="#57606a">{escape(note)}</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 20}" font-family="sans-serif"'
        ' font-size="12"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *body, "</svg>"]) + "\n"


def _panel(
    name: str,
    lines: Sequence[tuple[str, Sequence[Sample]]],
    value: Callable[[Sample], float],
    *,
    top: int,
    last: float,
) -> list[str]:
    values = [value(sample) for _, samples in lines for sample in samples]
    low, high = min(0.0, *values), max(1.0, *values)
    bottom = top + PANEL
    across, up = (WIDTH - LEFT - RIGHT) / last, (PANEL - 20) / (high - low)

    def height(number: float) -> float:
        return bottom - (number - low) * up

    drawn = [f'<text x="{LEFT}" y="{top + 12}">{escape(name)}</text>']
    drawn += [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height(mark):.1f}" y2="{height(mark):.1f}" stroke="{GRID}"/>'
        f'<text x="{LEFT - 6}" y="{height(mark) + 4:.1f}" text-anchor="end">{mark:.3g}</text>'
        for mark in sorted({low, 0.0, high})
    ]
    step = max(1, round(last / 8))
    drawn += [
        f'<text x="{LEFT + hour * across:.1f}" y="{bottom + 14}" text-anchor="middle">{hour} h</text>'
        for hour in range(0, int(last) + 1, step)
    ]
    for colour, samples in lines:
        points = " ".join(
            f"{LEFT + sample.seconds / HOUR * across:.1f},{height(value(sample)):.1f}" for sample in samples
        )
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return drawn
