"""A bar chart of the speeds as SVG."""

from collections.abc import Sequence
from html import escape

from benchmarks import corpus
from benchmarks.speed import grid, report
from benchmarks.speed.cells import Results

FILE = corpus.ROOT / "docs" / "benchmark.svg"
WIDTH, NAMES, BAR, GAP, MARGIN = 860, 390, 18, 8, 16
OURS, PEER = "#1f6feb", "#8b949e"
SECTIONS = (grid.ALL_CALLS, grid.TWO_CALLS, grid.ONE_CALL, grid.OLDER)


def write(results: Results) -> None:
    """Draw the fastest setting of each engine, section by section."""
    FILE.write_text(svg(results), "utf-8")


def svg(results: Results) -> str:
    """The chart."""
    groups = {section: found for section in SECTIONS if (found := _bars(results, section))}
    longest = max((speed for bars in groups.values() for _, speed in bars), default=1.0)
    scale = (WIDTH - NAMES - 80) / longest
    y = MARGIN
    body = []
    for section, bars in groups.items():
        body.append(
            f'<text x="{MARGIN}" y="{y + 14}" font-weight="bold">{escape(section)}: call seconds per second</text>'
        )
        y += 26
        for name, speed in bars:
            fill = OURS if name.startswith(grid.OURS) else PEER
            body.append(
                f'<text x="{NAMES - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
                f'<rect x="{NAMES}" y="{y}" width="{speed * scale:.1f}" height="{BAR}" fill="{fill}"/>'
                f'<text x="{NAMES + speed * scale + 6:.1f}" y="{y + 13}">{speed:.1f}</text>'
            )
            y += BAR + GAP
        y += GAP
    title = f"{results.facts['processor']}, {results.facts['date']}" + (", a trial" if results.facts["trial"] else "")
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 28}" font-family="sans-serif"'
        f' font-size="12"><rect width="100%" height="100%" fill="white"/>'
    )
    foot = f'<text x="{MARGIN}" y="{y + 14}" fill="{PEER}">{escape(title)}</text></svg>'
    return "\n".join([head, *body, foot]) + "\n"


def _bars(results: Results, section: str) -> Sequence[tuple[str, float]]:
    """Name and speed of each engine, the fastest setting of a family alone."""
    families: dict[tuple[str, str], tuple[str, float]] = {}
    for contestant, level in results.rows(section):
        speed = results.speed(section, contestant, level)
        family = next(
            (f for f in (grid.BATCHED, grid.WHISPER_CPP, grid.OPENAI, grid.TRANSFORMERS) if contestant.startswith(f)),
            contestant,
        )
        if speed and speed > families.get((family, level), ("", 0.0))[1]:
            families[family, level] = (report.label(contestant, level), speed)
    return list(families.values())
