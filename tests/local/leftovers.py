"""Processes that a test may have left behind."""

from pathlib import Path


def left_behind(folder: Path) -> list[int]:
    """Ids of the processes whose standard output is a file in a folder, as every process of a local cloud has it."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and (process / "fd/1").readlink().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:  # it has ended, or belongs to another user
            continue
    return found
