import pytest

from tests.service.webhooks.receivers import Certificate, make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Of the host that receives webhooks in these tests."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))
