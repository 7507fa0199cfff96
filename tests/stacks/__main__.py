"""`make snapshots` writes everything that is printed from the values of the environments, and lists the files.

Run it after every change of the values or the stacks, and review the difference with `git diff`.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stacks.comparison import chart
from stacks.environments import emulated, select
from tests.stacks.printed import CHART, EXAMPLE, SNAPSHOTS, TABLES, account_example, page, snapshots, text, whole
from tests.stacks.synthesis import ROOT, Template, synthesize


def write(templates: Mapping[str, Template]) -> list[str]:
    """Write all that has changed or is missing, remove leftovers; a line for each file."""
    said = []
    wanted = {path: text(path, snapshot) for path, snapshot in snapshots(templates).items()}
    for path in sorted(set(SNAPSHOTS.glob("*.json")) - set(wanted)):
        path.unlink()
        said.append(f"removed    {path.relative_to(ROOT)}")
    SNAPSHOTS.mkdir(exist_ok=True)
    said += [_put(path, content) for path, content in wanted.items()]
    said.append(_put(EXAMPLE, account_example(templates)))
    said.append(_put(CHART, chart(whole())))
    # One page after the other, since two tables may stand on one.
    said += [_put(path, page(name)) for name, (path, _) in TABLES.items()]
    return said


def _put(path: Path, content: str) -> str:
    name = path.relative_to(ROOT)
    if not path.exists():
        path.write_text(content)
        return f"made       {name}"
    if path.read_text() == content:
        return f"unchanged  {name}"
    path.write_text(content)
    return f"changed    {name}"


if __name__ == "__main__":
    try:
        environments = (*select(None), emulated())
        with tempfile.TemporaryDirectory() as folder:
            print("\n".join(write(synthesize(environments, Path(folder)))))
    except ValueError as error:
        sys.exit(str(error))
