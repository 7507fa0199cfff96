"""The profiles of `base` that are committed: `python -m benchmarks.profiles`, about 15 minutes on two idle cores.

Every kind of processor that this machine can show, with one CPU and with all: an older kind hides the newer instructions,
as in the benchmark of speed. Each pass runs `python -m service profile` once for each of them, so that another load on the
machine meets them alike. Passes that are done lie in `build/profiles`: an interrupted run goes on, and `--again` begins anew.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.corpus import SAMPLE_CALLS, shared_calls, speech_folder
from benchmarks.speed import hidden
from service.profile.arguments import count
from service.task_profile import HEADER, VCPU, TaskProfile
from stacks.capacity.profiles import FOLDER

ROOT = Path(__file__).parent.parent
PASSES = ROOT / "build" / "profiles"
LEVELS = ("", *hidden.LEVELS)
# A process that keeps to its CPUs and hides instructions from itself, before it imports the service.
HIDING = """
import os, sys
from pathlib import Path
from benchmarks.speed import hidden
level, library, cpus, *command = sys.argv[1:]
os.sched_setaffinity(0, map(int, cpus.split(",")))
if level:
    hidden.hide(level, Path(library))
from service.__main__ import main
sys.exit(main(command, os.environ))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A kind of processor, by the instructions that it is left, and its number of CPUs; without a level, this machine's own.

    `folder` keeps the passes.
    """

    level: str
    cpus: int
    folder: Path

    def passed(self, number: int) -> Path:
        """The profile of one pass."""
        return self.folder / f"{self.level or 'own'}-{self.cpus}-{number}.toml".lower()


def main(arguments: Sequence[str]) -> int:
    """Measure what is missing, print a line for each case, and write the profiles if asked to."""
    options = _parser().parse_args(arguments)
    passes, folder = (1, PASSES / "trial") if options.trial else (options.passes, PASSES)
    if options.again or options.trial:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    counts = sorted({1, len(os.sched_getaffinity(0))})
    cases = [Case(level=level, cpus=cpus, folder=folder) for level in LEVELS for cpus in counts]
    heard = _recordings(1 if options.trial else options.calls)
    with tempfile.TemporaryDirectory() as scratch:
        library = hidden.build(Path(scratch))
        for number in range(passes):
            for case in cases[0:4:3] if options.trial else cases:
                if not case.passed(number).exists():
                    _measure(case, number, heard=heard, library=library)
    for profile in merged(cases, passes=passes):
        print(
            f"{profile.kind:8} {profile.cpu / VCPU:g} vCPU {profile.audio_seconds_per_second:6.2f}"
            f" ({profile.low:g} to {profile.high:g}) call seconds per second, {profile.peak_memory_mib} MiB,"
            f" {profile.start_seconds:g} s to start, {profile.encoder}"
        )
        if options.write:
            (FOLDER / profile.file_name).write_text(profile.to_toml())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiles", description=__doc__.split("\n")[0])
    parser.add_argument("--passes", type=count, default=2, metavar="N", help="passes over all cases (default: 2)")
    parser.add_argument("--calls", type=count, default=4, metavar="N", help="only the N shortest calls (default: 4)")
    parser.add_argument(
        "--trial", action="store_true", help="one pass, one call, two cases: shows that everything runs"
    )
    parser.add_argument("--again", action="store_true", help="forget the passes that are done")
    parser.add_argument("--write", action="store_true", help="write the profiles into stacks/capacity/profiles")
    return parser


def _recordings(count: int) -> list[str]:
    """The shortest calls of real voices, or the sample calls where the corpus is not there."""
    folder = speech_folder()
    found = [case.path for case in shared_calls(folder)] if folder else sorted(SAMPLE_CALLS.glob("*.[wm]*"))
    return [str(path) for path in sorted(found, key=lambda path: path.stat().st_size)[:count]]


def _measure(case: Case, number: int, *, heard: Sequence[str], library: Path) -> None:
    """One pass, on every CPU at once: alone, a task would have the core that its neighbour's hyper-thread shares."""
    command = ["profile", *heard, "--rounds", "1", "--cpu", str(VCPU * case.cpus)]
    cpus = sorted(os.sched_getaffinity(0))
    running = []
    for first in range(0, len(cpus) - case.cpus + 1, case.cpus):
        own = ",".join(map(str, cpus[first : first + case.cpus]))
        log = case.passed(number).with_suffix(f".{first}.log").open("w")
        running.append(
            subprocess.Popen(
                [sys.executable, "-c", HIDING, case.level, str(library), own, *command],
                cwd=ROOT,
                env=os.environ | {"HF_HUB_OFFLINE": "1"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        )
    printed = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        sys.exit(f"{case}: the logs in {case.folder} say why")
    found = [TaskProfile.read(text[text.index(HEADER) :]) for text in printed]
    case.passed(number).write_text(TaskProfile.merged(found).to_toml())


def merged(cases: Sequence[Case], *, passes: int) -> Iterator[TaskProfile]:
    """The passes of each case as one profile; cases without any are left out."""
    for case in cases:
        files = [file for number in range(passes) if (file := case.passed(number)).exists()]
        if not files:
            continue
        found = [TaskProfile.read(file.read_text()) for file in files]
        yield replace(
            TaskProfile.merged(found),
            command="python -m benchmarks.profiles",
            machine="a shared host" + ("; newer instructions hidden" if case.level else ""),
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
