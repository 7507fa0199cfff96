"""An account with nothing in it, in the emulator, and the machine of a person who works there."""

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from local import emulator
from local.emulator import Emulator
from stacks.environments import NetworkPlan
from tests.stacks.factory import FORGE, REGION

# One person's: no pipeline, no releases, no roles for people.
ALONE = replace(
    FORGE,
    name="alone",
    network=NetworkPlan(cidr="10.1.48.0/20", egress=FORGE.network.egress),
    commits=None,
    released_by="",
    people=False,
)
COMMIT = "0" * 40
# A clean tree without a remote.
GIT = f"""
import sys
if sys.argv[1:] == ["rev-parse", "HEAD"]:
    print("{COMMIT}")
if sys.argv[1] == "remote":
    sys.exit(2)
"""
ANSWERS = {"docker": "print('27.0')", "node": "print('v24.0.0')", "git": GIT}


class Terminal(io.StringIO):
    """A person who types these lines."""

    def isatty(self) -> bool:
        """It is a terminal."""
        return True


@contextmanager
def running(folder: Path) -> Iterator[Emulator]:
    """The emulator, until the end of the block."""
    try:
        yield emulator.start(folder)
    finally:
        emulator.stop(folder)


def variables(aws: Emulator) -> dict[str, str]:
    """The variables of a person who works there."""
    return aws.environ() | {"AWS_DEFAULT_REGION": REGION, "CDK_HOME": str(aws.folder / "cdk")}


def programs(folder: Path, given: Mapping[str, str]) -> str:
    """A folder for the path with these programs, whose text is Python."""
    folder.mkdir(exist_ok=True)
    for name, text in given.items():
        (folder / name).write_text(f"#!{sys.executable}\n{text}")
        (folder / name).chmod(0o755)
    return str(folder)
