"""Running other programs, and the exception that ends a step."""

import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Refused(Exception):
    """Stops the step, and with it the pipeline; its one line names the value found and the value expected."""


def say(text: str) -> None:
    """Print a line to the build's log; standard output is read by the next step."""
    print(text, file=sys.stderr, flush=True)


def run(*command: str, environ: Mapping[str, str], folder: Path = ROOT, given: str | None = None) -> None:
    """Run a program to its end, with its output in the log and `given` on its standard input.

    Raises:
        Refused: it is not there, or ended with an error.
    """
    say(f"+ {shlex.join(command)}")
    try:
        subprocess.run(
            command, env=environ, cwd=folder, input=given, stdout=sys.stderr, stderr=sys.stderr, text=True, check=True
        )
    except FileNotFoundError:
        raise Refused(f"{command[0]}: not found, expected a program on the path") from None
    except subprocess.CalledProcessError as error:
        raise Refused(f"`{' '.join(command[:2])}` ended with {error.returncode}; it says why above") from None


def lines(*command: str, environ: Mapping[str, str], folder: Path = ROOT) -> list[str]:
    """The lines that a program prints.

    Raises:
        Refused: it ended with an error.
    """
    result = subprocess.run(command, env=environ, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise Refused(f"`{' '.join(command[:2])}` ended with {result.returncode}; it says why above")
    return result.stdout.splitlines()
