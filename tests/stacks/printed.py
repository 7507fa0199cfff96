"""Everything that is printed from the environments: snapshots of the templates, tables in pages, and the account's example.

Each is compared by a test, and `make snapshots` writes them all (`tests/stacks/__main__.py`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aws_cdk.aws_logs import RetentionDays

from delivery.account_file import example
from delivery.assembly import Assembly, Stack
from stacks.__main__ import FLEETS, fleets
from stacks.capacity.__main__ import summary
from stacks.capacity.report import SUMMARY
from stacks.environments import EMULATED, Environment, environments
from tests.stacks.comparison import differences, readable, without_assets, without_name
from tests.stacks.synthesis import ROOT, Template

SNAPSHOTS = ROOT / "tests" / "values" / "snapshots"
EXAMPLE = ROOT / "account.example.toml"
# What other places cost for the environment whose templates are kept whole.
CHART = ROOT / "docs" / "comparison.svg"
COMMAND = "`make snapshots` writes it"
# A table begins after the first of these comments and ends before the second.
BEGIN, END = "<!-- {name}: `make snapshots` writes this table -->", "<!-- end of the table -->"
# The columns of README's table, of those that `make plan` prints.
COSTS = ("", "idle $/month", "$/month at work", "Spot $/audio h", "all in, $/audio h", "batch tasks", "hours to finish")


def whole() -> Environment:
    """The environment whose templates are kept whole: the first of production, or the first of all."""
    known = environments()
    return next((environment for environment in known if environment.production), known[0])


def compared() -> dict[str, str]:
    """Each other environment, with the one that it is compared with: the emulator's builds its image as others do."""
    building = next((environment for environment in environments() if environment.commits), whole())
    return {e.name: whole().name for e in environments() if e.name != whole().name} | {EMULATED: building.name}


def snapshots(templates: Mapping[str, Template]) -> dict[Path, Any]:
    """The content of each snapshot: one environment's templates, and of each other the differences from another.

    A change of every environment is seen in the first, any other in its environment's own.
    """
    bodies: dict[str, dict[str, Any]] = {}
    for name, template in templates.items():
        environment, stack = name.split("/")
        bodies.setdefault(environment, {})[stack] = template.body
    bodies = {environment: without_assets(stacks) for environment, stacks in bodies.items()}
    name = whole().name
    found: dict[Path, Any] = {
        SNAPSHOTS / f"{name}.json": {f"{name}/{stack}": body for stack, body in bodies[name].items()}
    }
    for name, other in compared().items():
        own, others = without_name(bodies[name], name), without_name(bodies[other], other)
        stacks = sorted(own.keys() | others.keys())
        found[SNAPSHOTS / f"{name}-from-{other}.json"] = {
            stack: differences(others.get(stack, {}), own.get(stack, {})) for stack in stacks
        }
    return found


def text(path: Path, snapshot: Any) -> str:
    """A snapshot as it is written: templates line by line, differences as short as they can be read."""
    plain = json.dumps(snapshot, indent=1, sort_keys=True) if "-from-" not in path.name else readable(snapshot)
    return f"{plain}\n"


def account_example(templates: Mapping[str, Template]) -> str:
    """The example of the values that only the account knows, as the templates read them."""

    def expected(environment: str) -> set[str]:
        own = {name: each for name, each in templates.items() if name.startswith(f"{environment}/")}
        stacks = {
            name: Stack(path=name, name=name, template=each.body, needs=frozenset()) for name, each in own.items()
        }
        return Assembly(Path(), stacks).expected

    return example({environment.name: expected(environment.name) for environment in environments()})


def values() -> list[str]:
    """A row for each field of an environment, a column for each environment."""
    columns = [dict(_flat(environment)) | _size(environment) for environment in environments()]
    found = dict.fromkeys(name for column in columns for name in column)
    # A field that is None in some environments is described by its parts in the others.
    names = [name for name in found if not any(other.startswith(f"{name}.") for other in found)]
    return _table(
        ("value", *(environment.name for environment in environments())),
        [(f"`{name}`", *(column.get(name, "none") for column in columns)) for name in names],
    )


def _size(environment: Environment) -> dict[str, str]:
    """The chosen size of an environment that gives none."""
    if environment.size:
        return {}
    return {f"size.{name}": f"{value}, chosen" for name, value in asdict(environment.task_size).items()}


def fleet() -> list[str]:
    """A row for each environment, with the columns of `make cost`."""
    return _table(FLEETS, [fleets(environment) for environment in environments()])


def plans(columns: Sequence[str]) -> list[str]:
    """A row for each plan, with some of the columns of `make plan`."""
    return _table(columns, [tuple(row[column] for column in columns) for row in summary()])


TABLES: Mapping[str, tuple[Path, Callable[[], list[str]]]] = {
    "costs": (ROOT / "README.md", partial(plans, COSTS)),
    "values": (ROOT / "docs" / "environments.md", values),
    "fleets": (ROOT / "docs" / "capacity.md", fleet),
    "plans": (ROOT / "docs" / "capacity.md", partial(plans, SUMMARY)),
}


def page(name: str) -> str:
    """The page of a table, with the table as it has to be.

    Raises:
        ValueError: the page has no comments around such a table.
    """
    path, rows = TABLES[name]
    begin = BEGIN.format(name=name)
    before, opening, rest = path.read_text().partition(f"{begin}\n")
    _, closing, after = rest.partition(END)
    if not opening or not closing:
        raise ValueError(f"{path.relative_to(ROOT)}: got no table {name!r}, expected {begin!r} and {END!r} around it")
    return "".join((before, opening, *(f"{row}\n" for row in rows()), closing, after))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (header, ["---"] * len(header), *rows)]


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a value, recursively, by dotted name; the service's settings have their own page."""
    if is_dataclass(value) and not isinstance(value, type) and name != "settings":
        for field in fields(value):
            yield from _flat(getattr(value, field.name), f"{name}.{field.name}".lstrip("."))
    elif name != "settings":
        shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str("" if value is None else value)
        shown = value.name.lower() if isinstance(value, RetentionDays) else shown or "none"
        yield name, shown.replace("|", "\\|")
