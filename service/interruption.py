"""Ctrl-C as the end of a program, from its first line on; standard library only."""

import os
import signal
from collections.abc import Collection, Sequence

# The exit code of a program that Ctrl-C ended: 128 and the signal's number.
INTERRUPTED = 130


def end_at_once(command: Sequence[str], *, endless: Collection[str]) -> None:
    """Let Ctrl-C end the process without a word while it imports: libraries may swallow the exception, or print it.

    Args:
        command: the words of the command line after the program's name.
        endless: verbs that run until they are interrupted, which is then their good end: the exit code is 0.
    """
    code = 0 if set(command) & set(endless) else INTERRUPTED
    signal.signal(signal.SIGINT, lambda *_: os._exit(code))
