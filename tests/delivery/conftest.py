from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local import emulator
from stacks.environments import Egress, select
from tests.delivery.cloud import Cloud, build
from tests.stacks.synthesis import synthesize_once


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Iterator[Cloud]:
    """One account that holds dev, stage and prod."""
    folder = tmp_path_factory.mktemp("delivery")
    # The emulator has no NAT gateway, and a release does not depend on the tasks' way to AWS.
    environments = [replace(e, network=replace(e.network, egress=Egress.PUBLIC)) for e in select(None)]
    templates = synthesize_once(environments, shared_folder / "public-egress")
    try:
        yield build(emulator.start(folder), folder, templates)
    finally:
        emulator.stop(folder)
