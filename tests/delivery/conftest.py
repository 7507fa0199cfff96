from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import delivery.proof
import stacks.environments.selection
from delivery.deployed import DeployedEnvironment
from local import emulator
from tests.delivery.cloud import Cloud, build
from tests.delivery.empty import ALONE
from tests.stacks.factory import LINE
from tests.stacks.synthesis import Template, synthesize_once


@pytest.fixture(autouse=True)
def values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps know the environments of the tests' own release line instead of a fork's."""
    monkeypatch.setattr(stacks.environments.selection, "environments", lambda: LINE)


@pytest.fixture(autouse=True)
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests that were proven, each by a golden call that came back; test_proof.py sends them as a step does."""
    proven: list[str] = []

    def prove(_: DeployedEnvironment, digest: str, **__: float) -> None:
        proven.append(digest)

    monkeypatch.setattr(delivery.proof, "prove", prove)
    return proven


@pytest.fixture(scope="session")
def alone(shared_folder: Path) -> Mapping[str, Template]:
    """Templates of one person's environment."""
    return synthesize_once([ALONE], shared_folder / "alone")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, line: Mapping[str, Template]) -> Iterator[Cloud]:
    """One account that holds the environments of the release line."""
    folder = tmp_path_factory.mktemp("delivery")
    try:
        yield build(emulator.start(folder), folder, line)
    finally:
        emulator.stop(folder)
