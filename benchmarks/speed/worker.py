"""One engine in a process of its own, kept alive over the rounds: `python -m benchmarks.speed.worker SPECIFICATION`.

Requests and answers are JSON, one a line. Runs in the project's environment or in the peers', so it imports nothing
but the engine that it is asked for.
"""

import ctypes
import json
import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def main(text: str) -> None:
    """Load the engine, then answer requests until the input ends."""
    # A parent that is killed must not leave it behind.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # Libraries print to the standard output, too.
    os.dup2(2, 1)
    specification: dict[str, Any] = json.loads(text)
    if level := specification["level"]:
        from benchmarks.speed import hidden  # noqa: PLC0415 -- must be the first import

        hidden.hide(level, Path(specification["library"]))
    started = time.monotonic()
    module = import_module(f"benchmarks.speed.peers.{specification['module']}")
    run = module.load(threads=specification["threads"], **specification["options"])
    answers.write(json.dumps({"load_seconds": time.monotonic() - started}) + "\n")
    for line in sys.stdin:
        calls = [Path(path) for path in json.loads(line)]
        cpu, started = _cpu_seconds(), time.monotonic()
        found = run(calls)
        seconds, cpu = time.monotonic() - started, _cpu_seconds() - cpu
        answers.write(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "found": found}) + "\n")


def _cpu_seconds() -> float:
    """CPU seconds of this process and of its ended children."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


if __name__ == "__main__":
    main(sys.argv[1])
