import pytest

from local.emulator import Emulator
from tests.service.cloud import REGION


@pytest.fixture
def aws_environment(emulated: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service finds the emulator as it finds AWS: through its environment variables."""
    for name, value in (emulated.environ() | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)
