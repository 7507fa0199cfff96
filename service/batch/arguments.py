"""The options of the verbs `jobs` and `canary`.

Each option of `jobs` belongs to some of its actions and is refused with the others.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from service.batch.results import State
from service.errors import MisplacedOption

LISTED = (State.RUNNING, State.DONE, State.PARTIAL, State.UNHEARD, State.FAILED, State.IGNORED)
# The options of each action, by the names of their attributes.
OPTIONS = {
    "list": (*LISTED, "prefix", "json"),
    "redrive": ("json",),
    "reconcile": ("names", "announce", "prefix", "json", "metric"),
}


def add_arguments(jobs: argparse.ArgumentParser) -> None:
    """Declare the action and the options of every action."""
    jobs.add_argument("action", nargs="?", choices=tuple(OPTIONS), default="list")
    for state in LISTED:
        jobs.add_argument(f"--{state}", action="store_true", help=f"name those that are {state} (list)")
    jobs.add_argument("--names", action="store_true", help="name the recordings that are unaccounted for (reconcile)")
    jobs.add_argument("--announce", action="store_true", help="announce them to the queue again (reconcile)")
    jobs.add_argument("--prefix", default="", help="only recordings whose keys start with this (list, reconcile)")
    jobs.add_argument("--metric", action="store_true", help="write how many are lost as a metric, too (reconcile)")
    jobs.add_argument("--json", action="store_true", help="print a JSON object per line")


def add_canary_arguments(canary: argparse.ArgumentParser, *, seconds: Callable[[str], float]) -> None:
    """Declare the options of the `canary` verb; `seconds` reads a time."""
    within = "how long to wait for the transcript (default: 900)"
    canary.add_argument("--within", type=seconds, default=900.0, metavar="SECONDS", help=within)
    own = "take the golden call from here, not the service's own"
    canary.add_argument("--golden", type=Path, metavar="DIR", help=own)
    canary.add_argument("--metric", action="store_true", help="write how it ended as a metric, too")


def check(options: argparse.Namespace) -> None:
    """Refuse an option that the action would ignore.

    Raises:
        MisplacedOption: it belongs to other actions.
    """
    own = OPTIONS[options.action]
    for name in {name for names in OPTIONS.values() for name in names} - set(own):
        if getattr(options, name):
            raise MisplacedOption(field=f"--{name}", action=options.action, known=[f"--{known}" for known in own])
