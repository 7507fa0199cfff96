"""The options of the verbs that measure a machine: `profile`, `tune`, and `evaluate` if it measures its task."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be measured, by the options of the same names.

    Attributes:
        golden: a folder of golden calls, for want of recordings.
    """

    recordings: Sequence[Path]
    rounds: int
    lanes: Sequence[int]
    cpu: int
    model_name: str
    machine: str
    output: Path | None
    golden: Path

    @classmethod
    def read(cls, options: argparse.Namespace, *, golden: Path) -> Self:
        """The options as they were given."""
        return cls(
            recordings=options.recordings,
            rounds=options.rounds,
            lanes=options.lanes,
            cpu=options.cpu,
            model_name=options.model_name,
            machine=options.machine,
            output=options.output,
            golden=golden,
        )

    @property
    def command(self) -> str:
        """The command, without the names of recordings, which may tell of callers."""
        lanes = f" --lanes {' '.join(map(str, self.lanes))}" if self.lanes else ""
        heard = " RECORDING…" if self.recordings else ""
        return f"python -m service profile --rounds {self.rounds}{lanes}{heard}"


def add_arguments(profile: argparse.ArgumentParser) -> None:
    """Declare them."""
    profile.add_argument(
        "recordings",
        nargs="*",
        type=Path,
        metavar="RECORDING",
        help="a usual call, or a folder of some (default: calls composed of the golden calls)",
    )
    profile.add_argument(
        "--rounds", type=count, default=5, metavar="N", help="how often the recordings are transcribed (default: 5)"
    )
    profile.add_argument(
        "--lanes",
        nargs="+",
        type=count,
        default=[],
        metavar="N",
        help="recordings at once; several numbers are measured in turns (default: as the settings say)",
    )
    _add_task_arguments(profile)
    profile.add_argument("--machine", default="", metavar="TEXT", help="what else is to be known of the machine")
    profile.add_argument("--output", type=Path, metavar="DIR", help="write the profiles here, too")


def add_gate_arguments(evaluate: argparse.ArgumentParser) -> None:
    """Declare the options of `evaluate` that measure the task, too."""
    evaluate.add_argument(
        "--profile",
        type=count,
        default=0,
        metavar="N",
        help="measure the speed of the task in N rounds, too, for the report (default: do not)",
    )
    _add_task_arguments(evaluate)


def add_tuning_arguments(tune: argparse.ArgumentParser, *, seconds: Callable[[str], float]) -> None:
    """Declare the options of the verb `tune`; `seconds` reads a time."""
    tune.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="recordings of usual calls (default: a synthesized sound)"
    )
    tune.add_argument(
        "--seconds", type=seconds, default=180.0, metavar="TIME", help="about how long to measure (default: 180)"
    )
    tune.add_argument("--json", action="store_true", help="print JSON")


def count(text: str) -> int:
    """A number of things that are measured, from an option.

    Raises:
        ArgumentTypeError: it is none, or zero.
    """
    if text.isascii() and text.isdigit() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1")


def _add_task_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cpu",
        type=count,
        default=0,
        metavar="UNITS",
        help="CPU units of the task in its profile (default: the quota that it sees, which Fargate hides)",
    )
    parser.add_argument(
        "--model-name", default="", metavar="NAME", help="of the model in the profile (default: as the settings say)"
    )
