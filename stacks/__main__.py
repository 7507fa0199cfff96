"""`python -m stacks` prints each environment's costs, the limits of its fleets, and the cost of every other egress."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from service.task_profile import VCPU
from stacks.capacity import Prices
from stacks.capacity.report import headed
from stacks.capacity.tables import table
from stacks.environments import Egress, Environment, old_profiles, select
from stacks.environments.costs import idle, idle_parts, month, per_audio_hour

FLEETS = (
    "",
    "prices of",
    "egress",
    "idle $/month",
    "$/month at work",
    "Spot $/audio h",
    "on demand",
    "API tasks",
    "batch tasks",
    "hours to finish",
    "API upload, MB",
)
PARTS = ("of that, $/month", "network", "load balancer", "web ACL", "API tasks", "checks", "a task always on")
CHOICE = ("idle $/month", *Egress)


def fleets(environment: Environment) -> tuple[str, ...]:
    """One environment in the columns of `FLEETS`."""
    plan, egress, prices = environment.plan, environment.network.egress, Prices.read(environment.region)
    return (
        headed(environment.name, plan.speed),
        prices.told(environment.region),
        egress,
        f"{idle(environment, egress, prices):.0f}",
        f"{month(environment, prices):.0f}",
        *(f"{per_audio_hour(environment, prices, on_demand_share=share):.3f}" for share in (0, 1)),
        f"{plan.api_min_tasks} to {plan.api_max_tasks}",
        f"0 to {plan.batch_max_tasks}",
        f"{plan.hours_to_finish:.1f} of {environment.workload.window_hours:g}",
        f"{environment.api_settings.max_upload_bytes // 10**6}",
    )


def parts(environment: Environment) -> tuple[str, ...]:
    """The parts of an idle month, in the columns of `PARTS`."""
    bill = idle_parts(environment, environment.network.egress, Prices.read(environment.region))
    always = bill["API tasks"] / environment.api.average_tasks
    return (environment.name, *(f"{dollars:.2f}" for dollars in (*bill.values(), always)))


def choice(environment: Environment) -> tuple[str, ...]:
    """One environment in the columns of `CHOICE`."""
    prices = Prices.read(environment.region)
    return (environment.name, *(f"{idle(environment, egress, prices):.0f}" for egress in Egress))


def report() -> str:
    """The tables, and the sources of their numbers."""
    environments = select(None)
    prices = {each.region: each for each in (Prices.read(environment.region) for environment in environments)}
    speeds = {
        f"Speed, {'measured' if speed.measured else 'assumed'}: {speed.audio_seconds_per_second:g} times real time"
        f" on {speed.cpu / 1024:g} vCPU; {speed.source}."
        for speed in (environment.plan.speed for environment in environments)
    }
    return "\n".join(
        (
            table([FLEETS, *map(fleets, environments)]),
            table([PARTS, *map(parts, environments)]),
            table([CHOICE, *map(choice, environments)]),
            *(
                f"Prices: {each.region}, {each.dated}; at work with storage, logs, requests and metrics, `make plan` splits them."
                for each in prices.values()
            ),
            *sizes(environments),
            *sorted(speeds),
            "",
        )
    )


def sizes(environments: Sequence[Environment]) -> list[str]:
    """The size of the tasks of each environment, and the grounds of a choice."""
    told: dict[str, list[str]] = {}
    for environment in environments:
        size = environment.size
        text = f"given: {size.cpu / VCPU:g} vCPU and {size.memory_mib} MiB" if size else f"chosen: {environment.choice}"
        told.setdefault(text, []).append(environment.name)
    return [f"Size of a task in {', '.join(names)}, {text}." for text, names in told.items()]


if __name__ == "__main__":
    try:
        sys.stdout.write(report())
        sys.stderr.writelines(f"{line}\n" for line in old_profiles(select(None), today=datetime.now(UTC).date()))
    except ValueError as error:
        sys.exit(str(error))
