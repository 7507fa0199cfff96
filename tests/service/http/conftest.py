"""The engine and the client that the tests of the HTTP room share."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from service.http import bodies
from tests.service.http.fakes import FakeEngine, application


@pytest.fixture(autouse=True)
def _close_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LINGER_SECONDS", 0.3)


@pytest.fixture
def engine() -> FakeEngine:
    """An engine that answers at once."""
    return FakeEngine()


@pytest.fixture
def client(engine: FakeEngine) -> Iterator[TestClient]:
    """A client of the application."""
    with TestClient(application(engine), raise_server_exceptions=False) as client:
        yield client
