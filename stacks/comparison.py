"""`python -m stacks.comparison [ENVIRONMENT]`: the cost of an environment's batch work in other places."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from stacks.capacity import Prices
from stacks.capacity.comparison import Offer, Work, offers
from stacks.capacity.comparison_report import remarks, rows, svg
from stacks.capacity.quotes import STALE_MONTHS, quotes
from stacks.capacity.tables import table
from stacks.environments import Environment, select

# How a grown environment is called beside the first.
GROWN, FACTOR = "x 10", 10


def work(environment: Environment) -> Work:
    """The batch work of an environment in a month."""
    workload, prices = environment.workload, Prices.read(environment.region)
    return Work(
        audio_hours=workload.audio_hours_per_month,
        calls=workload.audio_hours_per_month * 60 / workload.talk_minutes_per_call,
        longest_seconds=environment.settings.max_audio_seconds,
        model=environment.settings.model,
        speed=environment.plan.speed,
        task=environment.task,
        network=environment.network.per_month(prices)[environment.network.egress],
        channels=workload.channels,
        speech_share=workload.speech_share,
    )


def places(environment: Environment) -> tuple[Offer, ...]:
    """Every place, priced for an environment's work."""
    return offers(work(environment), Prices.read(environment.region), quotes())


def own_place(environment: Environment) -> str:
    """The name of the place in which the environment's workers run."""
    kind = "on demand" if environment.on_demand_share == 1 else "Spot"
    return f"Fargate {kind}, {'x86' if environment.processor == 'X86_64' else 'ARM'}"


def report(environment: Environment, today: date) -> str:
    """The table, the cheaper places, and the drawbacks of each place."""
    found, hours, name = places(environment), work(environment).audio_hours, environment.name
    own = next(offer for offer in found if offer.place == own_place(environment))
    volumes = {name: hours, f"{name} {GROWN}": hours * FACTOR}
    prices = Prices.read(environment.region)
    foot = (
        f"Prices of {prices.told(environment.region)}; stale: read more than {STALE_MONTHS} months ago. Fixed: network"
        f" ({environment.network.egress}), which the API needs, too, and control planes; the API, storage and logs are the same"
        " in each place."
        " Sources: stacks/capacity/prices.toml."
    )
    head = f"Where {name}'s {hours:,.0f} audio hours a month could run, with the model {environment.settings.model}:"
    return "\n".join((head, "", table(rows(found, volumes, today)), *remarks(found, own, hours), "", foot, ""))


def chart(environment: Environment) -> str:
    """The bars of an environment's places, in SVG."""
    hours = work(environment).audio_hours
    title = f"{environment.name}: US dollars a month for {hours:,.0f} audio hours (logarithmic)"
    return svg(places(environment), audio_hours=hours, title=title, own=own_place(environment))


def main(arguments: Sequence[str]) -> int:
    """Print the comparison of one environment, or of each; write a chart of one if asked for."""
    parser = argparse.ArgumentParser(prog="python -m stacks.comparison", description="The same work in other places.")
    parser.add_argument("environment", nargs="?", metavar="ENVIRONMENT", help="such as prod; default: each")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a chart of the environment here")
    asked = parser.parse_args(arguments)
    chosen: Sequence[Environment] = select(asked.environment)
    if asked.svg and len(chosen) > 1:
        parser.error("--svg: got no environment, expected one, such as prod")
    today = datetime.now(UTC).date()
    sys.stdout.write("\n".join(report(environment, today) for environment in chosen))
    if asked.svg:
        asked.svg.write_text(chart(chosen[0]), "utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
