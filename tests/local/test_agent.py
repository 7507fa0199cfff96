import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from local.agent import Agent, running_agent
from service.aws.ecs import EcsAgent
from service.batch.ports import Answer, Verdict

GRANTED = Answer(verdict=Verdict.GRANTED)


@pytest.fixture
def agent() -> Iterator[Agent]:
    """A running agent."""
    with running_agent() as agent:
        yield agent


def put(url: str, body: bytes) -> int:
    """Status of the answer to a request that the service would never send."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=5)
    connection.request("PUT", where.path, body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_task_is_protected_until_it_ends_its_protection(agent: Agent) -> None:
    """The agent understands the service's client, and protects each task on its own."""
    worker = EcsAgent(agent.uri("worker-1"))
    assert worker.protect(minutes=2) == GRANTED
    assert agent.protected("worker-1")
    assert not agent.protected("worker-2")
    assert worker.protect(minutes=0) == GRANTED
    assert not agent.protected("worker-1")


def test_refusal_has_the_status_of_a_grant(agent: Agent) -> None:
    """As in ECS; the service's client understands it. A task that is protected stays so, and may end it."""
    first, second = EcsAgent(agent.uri("worker-1")), EcsAgent(agent.uri("worker-2"))
    assert first.protect(minutes=2) == GRANTED
    agent.blocked = lambda _: True
    assert first.protect(minutes=4) == GRANTED
    assert second.protect(minutes=2) == Answer(verdict=Verdict.BLOCKED, reason="DEPLOYMENT_BLOCKED")
    assert not agent.protected("worker-2")
    assert agent.refused == 1
    assert put(f"{agent.uri('worker-2')}/task-protection/v1/state", b'{"ProtectionEnabled": true}') == 200
    assert second.protect(minutes=0) == first.protect(minutes=0) == GRANTED


def test_failed_request_is_no_refusal(agent: Agent) -> None:
    """A worker goes on without protection if its request is wrong, or nothing listens."""
    wrong, silent = EcsAgent(agent.uri("worker-1")), EcsAgent("http://127.0.0.1:9")
    assert wrong.protect(minutes=2881) == Answer(verdict=Verdict.FAILED, reason="InvalidParameterException")
    assert silent.protect(minutes=2) == Answer(verdict=Verdict.FAILED, reason="ConnectionRefusedError")


def test_protection_runs_out(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that hangs does not protect its task forever."""
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
def test_request_that_ecs_would_refuse_is_refused(agent: Agent, wish: object) -> None:
    """A wrong request fails here, too, and protects nothing."""
    assert put(f"{agent.uri('worker-1')}/task-protection/v1/state", json.dumps(wish).encode()) == 400
    assert not agent.protected("worker-1")


@pytest.mark.parametrize("path", ["/task-protection/v2/state", "/state", ""])
def test_unknown_path_is_not_found(agent: Agent, path: str) -> None:
    """The agent has the paths of ECS only."""
    assert put(agent.uri("worker-1") + path, b'{"ProtectionEnabled": true}') == 404
    assert not agent.protected("worker-1")
