"""`python -m stacks.capacity`: the plan of each environment, or of the workload that the command line gives.

The composition root of the planner: it alone in this room knows the environments.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from stacks.capacity import Arrival, InvalidEnvironment
from stacks.capacity.report import SUMMARY, Forecast, assumptions, markdown
from stacks.capacity.tables import table
from stacks.comparison import report as comparison
from stacks.environments import Environment, old_profiles, select
from stacks.environments.backfill_costs import backfill_summary
from stacks.environments.forecast import case, forecast

TIMES = 10
# Options of the command line, by the field of a workload that they give.
WORKLOAD: Mapping[str, tuple[type, str]] = {
    "agents": (int, "people on the phone on a working day"),
    "calls": (float, "calls of each of them on a day"),
    "minutes": (float, "average length of a recording, in minutes"),
    "days": (int, "working days whose recordings belong to one batch"),
    "window": (float, "hours from the first arrival of a batch until it is due"),
    "week": (int, "working days in a week"),
    "api-hours": (float, "audio hours that the API is sent in its busiest hour"),
    "channels": (int, "channels of a recording"),
    "speech": (float, "seconds of speech in a second of recording"),
    "arrival": (Arrival, f"one of {', '.join(Arrival)}"),
    "arrival-hours": (float, "hours from the first arrival of a batch to the last"),
    "bursts": (int, "parts in which a batch arrives"),
}
FIELDS = {
    "calls": "calls_per_agent_per_day",
    "minutes": "talk_minutes_per_call",
    "days": "days_per_batch",
    "window": "window_hours",
    "week": "days_per_week",
    "api-hours": "api_audio_hours_in_busy_hour",
    "speech": "speech_share",
    "arrival-hours": "arrival_hours",
}


def grown(environment: Environment, times: int) -> Environment:
    """The environment with so many times the agents, on quotas that suffice; the report says how large they are."""
    workload = environment.workload
    hours = workload.api_audio_hours_in_busy_hour * times
    more = replace(workload, agents=workload.agents * times, api_audio_hours_in_busy_hour=hours)
    return without_quotas(environment, workload=more)


def without_quotas(environment: Environment, **changes: Any) -> Environment:
    """The environment with other values, and no quota in their way."""
    return replace(environment, spot_vcpus=10**6, on_demand_vcpus=10**6, **changes)


def forecasts(environments: Sequence[Environment]) -> tuple[list[tuple[Forecast, Environment]], list[str]]:
    """Each environment's, and that of the first production with ten times its agents; and why that is impossible."""
    found, refused = [(forecast(each), each) for each in environments], []
    for environment in [each for each in environments if each.production][:1]:
        name = f"{environment.name} x {TIMES}"
        try:
            large = grown(environment, TIMES)
        except InvalidEnvironment as error:
            refused.append(f"{name}: {error}")
            continue
        found.append((replace(forecast(large), name=name, **_quotas(environment)), large))
    return found, refused


def summary() -> list[dict[str, str]]:
    """A row for each forecast, by the columns of `SUMMARY`, as pages show them."""
    found, _ = forecasts(select(None))
    return [dict(zip(SUMMARY, each.row(), strict=True)) for each, _ in found]


def asked_for(environment: Environment, changes: Mapping[str, Any]) -> tuple[Forecast, Environment]:
    """The forecast of an environment under another workload."""
    try:
        other = without_quotas(environment, workload=replace(environment.workload, **changes))
    except InvalidEnvironment as error:
        options = {FIELDS.get(option, option): f"--{option}" for option in WORKLOAD}
        field = error.name.rpartition(".")[2]
        raise InvalidEnvironment(options.get(field, error.name), error.value, error.expected) from None
    return replace(forecast(other), name=f"as {environment.name}", **_quotas(environment)), other


def report(found: Sequence[tuple[Forecast, Environment]], *, runs: int | None, seed: int) -> Iterator[str]:
    """The plans with their uncertainty, the table, and the assumptions."""
    for each, environment in found:
        planned = case(environment)
        yield from each.lines(planned.chances(runs=runs, seed=seed), planned.short())
        if old := backfill_summary(environment):
            yield f"Backfill: {old}"
        yield ""
    yield table([SUMMARY, *(each.row() for each, _ in found)])
    yield from assumptions()


def main(arguments: Sequence[str]) -> int:
    """Print what is asked for."""
    asked = _arguments(arguments)
    changes = {FIELDS.get(name, name): value for name, value in _workload(asked).items() if value is not None}
    known = select(asked.environment)
    if changes:
        # Without a name, a workload is planned in production.
        base = next((each for each in known if each.production), known[0])
        found, refused = [asked_for(base, changes)], list[str]()
    else:
        found, refused = forecasts(known)
    if asked.markdown:
        sys.stderr.writelines(f"{line}\n" for line in refused)
        sys.stdout.write(markdown([SUMMARY, *(each.row() for each, _ in found)]))
        return 0
    today = datetime.now(UTC).date()
    sys.stderr.writelines(f"{line}\n" for line in old_profiles([each for _, each in found], today=today))
    for line in (*refused, *report(found, runs=asked.runs, seed=asked.seed)):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if not asked.no_comparison:
        # That of the others is printed by `python -m stacks.comparison`.
        compared = next((each for _, each in found if each.production), found[0][1])
        sys.stdout.write(f"\n{comparison(compared, today)}")
    return 0


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stacks.capacity", description=__doc__.partition("\n")[0])
    parser.add_argument("environment", nargs="?", metavar="ENVIRONMENT", help="such as prod; default: each")
    for name, (kind, text) in WORKLOAD.items():
        parser.add_argument(f"--{name}", type=kind, metavar="N" if kind is not Arrival else "PATTERN", help=text)
    parser.add_argument("--runs", type=_count, metavar="N", help="simulated weeks (default: as many as take seconds)")
    parser.add_argument("--seed", type=int, default=0, help="of all chance (default: 0)")
    parser.add_argument("--markdown", action="store_true", help="print the table alone, without a simulation")
    parser.add_argument("--no-comparison", action="store_true", help="leave out what other places cost")
    return parser.parse_args(arguments)


def _workload(asked: argparse.Namespace) -> Mapping[str, Any]:
    return {name: getattr(asked, name.replace("-", "_")) for name in WORKLOAD}


def _quotas(environment: Environment) -> Mapping[str, Any]:
    return {"spot_vcpus": environment.spot_vcpus, "on_demand_vcpus": environment.on_demand_vcpus}


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1 to 10000")
    return int(text)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ValueError as error:
        sys.exit(str(error))
