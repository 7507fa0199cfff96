import fcntl
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.stacks.synthesis import Template

# `make` puts the virtual environment first on PATH. Without `make`, tests must find the packaged Node, too.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

# The files that take longest. They come first, so that no process still runs one of them when the others are done.
LONGEST = ("local/test_rehearse.py",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; all others keep their order."""
    rank = {str(Path(__file__).parent / name): number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(str(item.path), len(rank)))


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> "Mapping[str, Template]":
    """Templates of every environment, by name such as `dev/Network`; all processes of a test run share one synth."""
    from stacks.environments import environments  # noqa: PLC0415 -- the CDK takes seconds to import
    from tests.stacks.synthesis import Template, synthesize  # noqa: PLC0415 -- the CDK takes seconds to import

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all processes
    index = folder / "templates.json"
    with (folder / "templates.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not index.exists():
            made = synthesize(environments(), folder / "templates")
            index.write_text(json.dumps({name: str(template.path) for name, template in made.items()}))
    paths = {name: Path(path) for name, path in json.loads(index.read_text()).items()}
    return {name: Template(path=path, body=json.loads(path.read_text())) for name, path in paths.items()}
