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
LONGEST = ("stacks/test_forks.py", "service/engine/test_memory.py", "local/test_rehearse.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; all others keep their order."""
    rank = {str(Path(__file__).parent / name): number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(str(item.path), len(rank)))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all processes of a test run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def templates(shared_folder: Path) -> "Mapping[str, Template]":
    """Templates of every environment of the values and of the emulator's, by names such as `live/Network`."""
    from stacks.environments import emulated, environments  # noqa: PLC0415 -- the CDK takes seconds to import
    from tests.stacks.synthesis import synthesize_once  # noqa: PLC0415 -- the CDK takes seconds to import

    return synthesize_once((*environments(), emulated()), shared_folder / "templates")


@pytest.fixture(scope="session")
def line(shared_folder: Path) -> "Mapping[str, Template]":
    """Templates of the release line of tests/stacks/factory.py, which no value of a fork changes."""
    from tests.stacks.factory import LINE  # noqa: PLC0415 -- the CDK takes seconds to import
    from tests.stacks.synthesis import synthesize_once  # noqa: PLC0415 -- the CDK takes seconds to import

    return synthesize_once(LINE, shared_folder / "line")


@pytest.fixture(scope="session")
def guarded(shared_folder: Path) -> "Mapping[str, Template]":
    """Templates of production with a budget brake and a backfill, by names such as `Monitoring`."""
    from tests.stacks.factory import GUARDED  # noqa: PLC0415 -- the CDK takes seconds to import
    from tests.stacks.synthesis import synthesize_once  # noqa: PLC0415 -- the CDK takes seconds to import

    made = synthesize_once([GUARDED], shared_folder / "guarded")
    return {name.partition("/")[2]: template for name, template in made.items()}
