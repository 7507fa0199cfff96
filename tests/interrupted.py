"""A program that Ctrl-C reaches while it imports a library."""

import os
import subprocess
import sys
from collections.abc import Mapping

from local.deploy import ROOT

# Runs `python -m PACKAGE WORD…`, and presses Ctrl-C when it imports LIBRARY.
PROGRAM = """
import builtins, runpy, signal, sys
package, library, *sys.argv[1:] = sys.argv[1:]
known = builtins.__import__
def importing(name, *rest, **more):
    if name == library:
        signal.raise_signal(signal.SIGINT)
    return known(name, *rest, **more)
builtins.__import__ = importing
runpy.run_module(f"{package}.__main__", run_name="__main__")
"""


def interrupted(
    package: str, *words: str, library: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program of the project to its end."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, package, library, *words],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
