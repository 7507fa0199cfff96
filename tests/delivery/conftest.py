from collections.abc import Iterator
from dataclasses import replace

import pytest

from local import emulator
from stacks.environments import Egress, select
from tests.delivery.cloud import Cloud, build
from tests.stacks.synthesis import synthesize


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One account that holds dev, stage and prod."""
    folder = tmp_path_factory.mktemp("delivery")
    # The emulator has no NAT gateway; how tasks reach AWS is nothing to a release.
    environments = [replace(e, network=replace(e.network, egress=Egress.PUBLIC)) for e in select(None)]
    templates = synthesize(environments, tmp_path_factory.mktemp("assembly"))
    try:
        yield build(emulator.start(folder), folder, templates)
    finally:
        emulator.stop(folder)
