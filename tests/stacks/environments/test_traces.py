"""The collector of traces, as an environment names it."""

import pytest

from stacks.capacity import InvalidEnvironment
from stacks.environments import TracePlan


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [
        ("", 0),
        ("http://collector.internal:4318", 4318),
        ("http://10.1.0.7", 80),
        ("https://traces.example.com/otlp", 443),
    ],
)
def test_port_is_that_of_the_url(endpoint: str, port: int) -> None:
    """The tasks' firewalls are opened to it."""
    assert TracePlan(endpoint=endpoint).port == port


@pytest.mark.parametrize(
    "endpoint",
    [
        "collector:4318",
        "grpc://c:4317",
        "http://",
        "http://c:0",
        "http://c:70000",
        "http://c d",
        "http://user:secret@c",
    ],
)
def test_endpoint_that_tasks_would_refuse_is_refused_here(endpoint: str) -> None:
    """In one line, before anything is synthesized; a URL with a secret is none, because templates are readable."""
    with pytest.raises(InvalidEnvironment, match=r"traces\.endpoint: got"):
        TracePlan(endpoint=endpoint)
