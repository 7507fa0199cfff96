import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from local.agent import Agent, running_agent
from service.aws.ecs import TaskProtection


@pytest.fixture
def agent() -> Iterator[Agent]:
    """An agent that answers."""
    with running_agent() as agent:
        yield agent


def put(url: str, body: bytes) -> int:
    """Status of the answer to a request that the service would not make."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=5)
    connection.request("PUT", where.path, body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_task_is_protected_until_it_is_done(agent: Agent) -> None:
    """The service's own client is understood, and one task's protection is not another's."""
    worker = TaskProtection(agent.uri("worker-1"))
    assert worker.protect(minutes=2)
    assert agent.protected("worker-1")
    assert not agent.protected("worker-2")
    assert worker.protect(minutes=0)
    assert not agent.protected("worker-1")


def test_protection_runs_out(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that hangs does not keep its task for ever."""
    now = 1000.0
    monkeypatch.setattr("local.agent.time.monotonic", lambda: now)
    agent.take("worker-1", {"ProtectionEnabled": True, "ExpiresInMinutes": 2})
    now += 119
    assert agent.protected("worker-1")
    now += 2
    assert not agent.protected("worker-1")


@pytest.mark.parametrize(
    "wish",
    [
        {},
        [],
        {"ProtectionEnabled": "yes"},
        {"ProtectionEnabled": True, "ExpiresInMinutes": 2881},
        {"ExpiresInMinutes": 1},
    ],
)
def test_wish_that_ecs_would_refuse_is_refused(agent: Agent, wish: object) -> None:
    """A worker that asks wrongly finds out here, and protects nothing."""
    assert put(f"{agent.uri('worker-1')}/task-protection/v1/state", json.dumps(wish).encode()) == 400
    assert not agent.protected("worker-1")


@pytest.mark.parametrize("path", ["/task-protection/v2/state", "/state", ""])
def test_path_that_ecs_does_not_have_is_not_found(agent: Agent, path: str) -> None:
    """An address that leads nowhere in ECS leads nowhere here."""
    assert put(agent.uri("worker-1") + path, b'{"ProtectionEnabled": true}') == 404
    assert not agent.protected("worker-1")
