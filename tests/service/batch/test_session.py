"""The sessions of a worker, on a clock of the test's own."""

import pytest

from service.batch.session import Phase, Session
from tests.service.clock import Clock

OPEN, CLOSING, RESTING = Phase.OPEN, Phase.CLOSING, Phase.RESTING


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of every session."""
    clock = Clock()
    monkeypatch.setattr("service.batch.session.time", clock)
    return clock


def session() -> Session:
    """Half an hour, of which the last third finishes the last messages, and a minute's rest."""
    return Session(seconds=1800, receiving_seconds=1200, rest_seconds=60)


def test_idle_worker_never_rests(clock: Clock) -> None:
    """It is unprotected anyway."""
    own = session()
    for _ in range(1000):
        clock.now += 10
        with own.turn() as admitted:
            assert admitted


def test_worker_that_always_works_rests_between_its_sessions(clock: Clock) -> None:
    """It takes messages for two thirds of a session, finishes the last one, and rests with nothing in hand."""
    own = session()
    for _ in range(3):
        began = clock.now
        phases = []
        while (phase := own.phase()) is OPEN:
            with own.turn() as admitted, own.work():
                assert admitted
                clock.now += 100
                phases.append(phase)
        assert phase is RESTING
        assert clock.now - began == 1200
        with own.turn() as admitted:
            assert not admitted
        clock.now += 59
        assert own.phase() is RESTING
        clock.now += 1


def test_lanes_rest_together(clock: Clock) -> None:
    """A lane that has finished waits for the other one: only then is the task free."""
    own = session()
    with own.turn(), own.work():
        clock.now += 1100
        with own.turn() as admitted, own.work():
            assert admitted
            clock.now += 200
        assert own.phase() is CLOSING
        with own.turn() as admitted:
            assert not admitted
    assert own.phase() is RESTING


def test_rest_does_not_begin_while_a_lane_asks_for_a_message(clock: Clock) -> None:
    """It may receive one: that would be work without protection."""
    own = session()
    with own.turn(), own.work():
        clock.now += 1199
    with own.turn() as admitted:
        assert admitted
        clock.now += 2
        assert own.phase() is CLOSING
    assert own.phase() is RESTING


def test_message_that_outlasts_the_session_works_on_through_the_rest(clock: Clock) -> None:
    """The length of a call has no limit below the job deadline, but the time for which it holds up a deployment has."""
    own = session()
    with own.turn(), own.work():
        clock.now += 1799
        assert own.phase() is CLOSING
        clock.now += 1
        assert own.phase() is RESTING
        clock.now += 60
        assert own.phase() is OPEN
        clock.now += 1199
        assert own.phase() is OPEN
        clock.now += 1
        assert own.phase() is CLOSING


def test_idle_time_as_long_as_a_rest_is_one(clock: Clock) -> None:
    """The next message begins a new session; a shorter pause does not."""
    for pause, phase in ((59, RESTING), (60, OPEN)):
        own = session()
        with own.turn(), own.work():
            clock.now += 1000
        clock.now += pause
        own.phase()
        with own.turn(), own.work():
            clock.now += 500
        assert own.phase() is phase
