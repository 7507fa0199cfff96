"""The comparison of places as a table for people, and as a chart in SVG."""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from math import log10

from stacks.capacity.comparison import ASSUMED, Offer
from stacks.capacity.quotes import is_stale

HEADER = ("place", "$/audio h", "fixed $/month")
WIDTH, NAMES, BAR, GAP, MARGIN = 860, 330, 16, 7, 16
OWN, OTHER, GREY = "#1f6feb", "#8b949e", "#57606a"
# The lowest dollars at which the bars of the chart begin.
LEAST_DOLLARS = 0.001


def rows(offers: Sequence[Offer], volumes: Mapping[str, float], today: date) -> list[tuple[str, ...]]:
    """A header, and a row for each place, with its cost at each volume: audio hours a month, by name."""
    header = (*HEADER, *(f"{name} $/month" for name in volumes), "speed", "priced")
    return [header, *(_row(offer, list(volumes.values()), today) for offer in offers)]


def remarks(offers: Sequence[Offer], own: Offer, audio_hours: float) -> list[str]:
    """The places that are cheaper than the project's own, those that cannot do the work, and the drawbacks of each."""
    cheaper = [o for o in offers if not o.impossible and o.month(audio_hours) < own.month(audio_hours)]
    names = ", ".join(f"{o.place} (${o.month(audio_hours):,.0f})" for o in cheaper)
    line = f"Cheaper than {own.place} (${own.month(audio_hours):,.0f} a month): {names or 'none'}."
    if own.speed.endswith(ASSUMED):
        line += (
            f" But the speed of {own.place} is assumed, and low on purpose, that of a GPU is published: measure the model first"
            " (`python -m service profile`)."
        )
    return [line, *(f"- {o.place}: {f'impossible: {o.impossible}' if o.impossible else o.against}." for o in offers)]


def svg(offers: Sequence[Offer], *, audio_hours: float, title: str, own: str) -> str:
    """Dollars a month of each place, the cheapest first; the scale is logarithmic, as they differ by a thousand."""
    able = sorted((o for o in offers if not o.impossible), key=lambda o: o.month(audio_hours))
    floor = max(LEAST_DOLLARS, able[0].month(audio_hours) / 2)
    scale = (WIDTH - NAMES - 100) / log10(able[-1].month(audio_hours) / floor)
    y = MARGIN
    body = [f'<text x="{MARGIN}" y="{y + 14}" font-weight="bold">{escape(title)}</text>']
    y += 30
    for offer in able:
        dollars = offer.month(audio_hours)
        length = max(1.0, log10(dollars / floor) * scale)
        assumed = " (speed assumed)" if offer.speed.endswith(ASSUMED) else ""
        body.append(
            f'<text x="{NAMES - 8}" y="{y + 12}" text-anchor="end">{escape(offer.place)}</text>'
            f'<rect x="{NAMES}" y="{y}" width="{length:.1f}" height="{BAR}"'
            f' fill="{OWN if offer.place == own else OTHER}"/>'
            f'<text x="{NAMES + length + 6:.1f}" y="{y + 12}" fill="{GREY}">${dollars:,.0f}{assumed}</text>'
        )
        y += BAR + GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 80}" height="{y + MARGIN}" font-family="sans-serif"'
        f' font-size="12"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *body, "</svg>"]) + "\n"


def _row(offer: Offer, volumes: Sequence[float], today: date) -> tuple[str, ...]:
    dollars = ("-" if offer.impossible else f"{offer.month(hours):,.0f}" for hours in volumes)
    dated = f"{offer.dated}{', stale' if is_stale(offer.dated, today) else ''}"
    return (
        offer.place,
        f"{offer.per_audio_hour:.4f}",
        f"{offer.fixed:.0f}",
        *dollars,
        offer.speed or "by audio hour",
        dated,
    )
