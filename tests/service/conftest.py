from collections.abc import Iterator
from io import StringIO

import pytest

from local import emulator
from local.emulator import Emulator
from service import telemetry
from tests.service.cloud import REGION, Cloud
from tests.service.proxy import Proxy, proxy


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One emulator for all tests that need queues and buckets."""
    folder = tmp_path_factory.mktemp("emulator")
    try:
        yield emulator.start(folder)
    finally:
        emulator.stop(folder)


@pytest.fixture
def aws_environment(emulated: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service finds the emulator as it finds AWS: through its environment variables."""
    for name, value in (emulated.environ() | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cloud(emulated: Emulator) -> Cloud:
    """Queues and buckets of this test only."""
    return Cloud.make(emulated)


@pytest.fixture
def between(cloud: Cloud) -> Iterator[Proxy]:
    """A proxy between a worker and the emulator."""
    with proxy(cloud.emulator.url) as own:
        yield own


@pytest.fixture
def log() -> Iterator[StringIO]:
    """The log of the process."""
    stream = StringIO()
    telemetry.configure(stream)
    yield stream
    telemetry.configure()
