"""The protection of a task from scaling in, with an agent that answers when the test says so."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from service.batch import protection as module
from service.batch.ports import Answer, Verdict
from service.batch.protection import TaskProtection
from tests.service.cloud import until

MINUTES = 4


@dataclass
class Agent:
    """Protects or frees the task as it is asked to, after `answer` has returned, unless it is `blocked`."""

    answer: Callable[[int], object] = lambda _: None
    protected: bool = False
    blocked: bool = False
    asked: list[int] = field(default_factory=list)

    def protect(self, *, minutes: int) -> Answer:
        """Record the request, then grant it."""
        self.asked.append(minutes)
        self.answer(minutes)
        if minutes and self.blocked:
            return Answer(verdict=Verdict.BLOCKED, reason="DEPLOYMENT_BLOCKED")
        self.protected = minutes > 0
        return Answer(verdict=Verdict.GRANTED)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough patience for a loaded machine: the agents of these tests answer."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 30)


def started(agent: Agent | None) -> TaskProtection:
    """A protection that asks an agent."""
    protection = TaskProtection(agent, minutes=MINUTES)
    protection.start()
    return protection


def test_task_is_protected_before_the_work_and_freed_after_the_last_of_it() -> None:
    """A second lease neither asks again nor ends the protection of the first."""
    agent = Agent(answer=lambda _: time.sleep(0.05))
    protection = started(agent)
    with protection.held():
        assert agent.protected
        with protection.held():
            pass
        protection.settle()
        assert agent.protected
    protection.settle()
    assert agent.asked == [MINUTES, 0]


def test_heartbeat_renews_protection_only_during_work() -> None:
    """An idle task stays free."""
    agent = Agent()
    protection = started(agent)
    protection.renew()
    with protection.held():
        protection.renew()
        protection.settle()
        assert agent.asked == [MINUTES, MINUTES]
    protection.renew()
    protection.settle()
    assert agent.asked[2:] == [0]


def test_lease_that_begins_while_protection_is_removed_waits_for_it_again() -> None:
    """The answer to the older request must not count for the newer one."""
    freeing, go_on = threading.Event(), threading.Event()

    def answer(minutes: int) -> None:
        if not minutes:
            freeing.set()
            go_on.wait(30)

    agent = Agent(answer=answer)
    protection = started(agent)
    with protection.held():
        pass
    assert freeing.wait(30)
    threading.Timer(0.2, go_on.set).start()
    with protection.held():
        assert agent.asked == [MINUTES, 0, MINUTES]
        assert agent.protected


@pytest.mark.parametrize("seed", range(3))
def test_task_is_protected_throughout_any_lease_of_any_lane(seed: int) -> None:
    """However leases of several lanes begin and end, none of them works unprotected."""
    agent = Agent(answer=lambda _: time.sleep(0.001))
    protection = started(agent)

    def lane(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        for _ in range(50):
            with protection.held():
                assert agent.protected
                time.sleep(chance.uniform(0, 0.003))
                assert agent.protected
            time.sleep(chance.uniform(0, 0.003))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lane, range(3)))
    protection.settle()
    assert not agent.protected


def test_agent_that_hangs_delays_work_only_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unprotected work is better than none; later requests join the one that is unanswered."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)
    answering = threading.Event()
    agent = Agent(answer=lambda _: answering.wait(30))
    protection = started(agent)
    before = time.monotonic()
    with protection.held():
        assert time.monotonic() - before < 10
        assert not agent.protected
        for _ in range(5):
            protection.renew()
        answering.set()
        until(lambda: agent.protected)
    until(lambda: not agent.protected)
    assert len(agent.asked) <= 3


def test_task_without_an_agent_works_unprotected() -> None:
    """Outside ECS there is no agent to ask."""
    protection = started(None)
    before = time.monotonic()
    with protection.held():
        protection.renew()
    protection.settle()
    assert time.monotonic() - before < 10


def test_refused_task_says_so_until_ecs_grants_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks again for one minute, which lapses by itself, so that no work waits for protection that nobody asks for."""
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.05)
    agent = Agent(blocked=True)
    protection = started(agent)
    assert not protection.blocked
    with protection.held():
        assert protection.blocked
    until(lambda: len(agent.asked) >= 4)
    assert protection.blocked
    agent.blocked = False
    until(lambda: not protection.blocked)
    assert agent.asked[:2] == [MINUTES, 0]
    assert set(agent.asked[2:]) == {1}
    asked = len(agent.asked)
    time.sleep(0.2)
    assert len(agent.asked) == asked


def test_lease_in_hand_is_protected_once_ecs_grants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its work goes on meanwhile: to give it up would gain nothing."""
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.05)
    agent = Agent(blocked=True)
    protection = started(agent)
    with protection.held():
        assert not agent.protected
        agent.blocked = False
        until(lambda: agent.protected)
        assert not protection.blocked
    protection.settle()
    assert not agent.protected


def test_lifted_protection_comes_back_with_the_work_that_is_still_in_hand() -> None:
    """Between two sessions ECS may stop the task, whatever it works on."""
    agent = Agent()
    protection = started(agent)
    with protection.held():
        protection.lift(lifted=True)
        protection.renew()
        protection.settle()
        assert not agent.protected
        protection.lift(lifted=False)
        protection.settle()
        assert agent.protected
    protection.settle()
    assert not agent.protected


def test_agent_that_fails_blocks_nothing() -> None:
    """Without the permission, for example, every request fails: unprotected work is better than none."""
    agent = Agent()
    monkey = Answer(verdict=Verdict.FAILED, reason="AccessDeniedException")
    agent.protect = lambda *, minutes: monkey  # type: ignore[method-assign] # noqa: ARG005 - as the protocol says
    protection = started(agent)
    with protection.held():
        assert not protection.blocked
