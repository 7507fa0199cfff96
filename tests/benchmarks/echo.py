"""An engine that returns the names of its calls, in the place of one that transcribes."""

import sys

from benchmarks.speed.processes import Contestant

ECHO = """
def load(*, threads, fail=False, hoard=0):
    kept = bytearray(b"1") * hoard
    def run(calls):
        print("libraries print, too")
        if fail:
            raise SystemExit("the engine broke")
        return [{"threads": threads, "name": call.name} for call in calls]
    return run
"""


def echo(name: str = "echo", **options: object) -> Contestant:
    """A contestant that returns the names of its calls."""
    return Contestant(name=name, module="echo", options=options, python=sys.executable)
