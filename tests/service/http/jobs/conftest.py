from collections.abc import Iterator

import pytest

from tests.service.cloud import Cloud
from tests.service.http.jobs.caller import Client, calling


@pytest.fixture
def client(aws_environment: None, cloud: Cloud) -> Iterator[Client]:  # noqa: ARG001 - the service needs it
    """A caller of a real server."""
    with calling(cloud) as own:
        yield own
