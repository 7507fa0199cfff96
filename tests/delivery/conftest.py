from collections.abc import Iterator, Mapping

import pytest

import stacks.environments.selection
from local import emulator
from tests.delivery.cloud import Cloud, build
from tests.stacks.factory import LINE
from tests.stacks.synthesis import Template


@pytest.fixture(autouse=True)
def values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps know the environments of the tests' own release line instead of a fork's."""
    monkeypatch.setattr(stacks.environments.selection, "environments", lambda: LINE)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, line: Mapping[str, Template]) -> Iterator[Cloud]:
    """One account that holds the environments of the release line."""
    folder = tmp_path_factory.mktemp("delivery")
    try:
        yield build(emulator.start(folder), folder, line)
    finally:
        emulator.stop(folder)
