"""More calls than the engine can take: a simulation of queue, engine and callers on a clock of its own, and a real server."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import httpx2
import pytest

from service.errors import Busy
from service.http import admission, bodies, promises
from service.http.admission import Queue, Slot
from service.http.promises import MAX_PROMISES, Promises
from service.telemetry import NOBODY
from service.transcript import Transcript
from tests.service.clock import Clock
from tests.service.http.fakes import SETTINGS, FakeEngine, application
from tests.service.http.real_server import served

CLIP, SECONDS_PER_CLIP, MAX_WAIT = 10.0, 0.5, 60.0
# All clips come from one client, and many have the same size.
SIZES = 50


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of admission."""
    clock = Clock()
    monkeypatch.setattr(admission, "time", clock)
    monkeypatch.setattr(promises, "time", clock)
    return clock


@dataclass
class Attempt:
    """One clip of a caller: when it first came, when it was refused and told to come again, and when it was accepted."""

    came: float
    identity: str
    told: list[tuple[float, int]] = field(default_factory=list)
    accepted: float = 0.0
    began: float = 0.0


class Simulation:
    """Clips of ten seconds that arrive, an engine that takes half a second for each, and callers that come again or not."""

    def __init__(self, clock: Clock, *, return_late_by: Callable[[int], float | None]) -> None:
        self.clock, self.start = clock, clock.now
        self.attempts: list[Attempt] = []
        self.idle = 0.0
        self._return_late_by = return_late_by
        self._queue = Queue(max_wait_seconds=MAX_WAIT)
        for _ in range(100):
            self._queue.pace.measure(processing=SECONDS_PER_CLIP, audio=CLIP)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._waiting: list[tuple[Slot, ExitStack, Attempt]] = []
        self._running: ExitStack | None = None
        self._free_since = clock.now

    def run(self, *, rate: float, seconds: float) -> None:
        """Let clips arrive at a rate for so long, then go on until all is done."""
        for number in range(int(rate * seconds)):
            attempt = Attempt(came=self.start + number / rate, identity=f"crm {number % SIZES}")
            self.attempts.append(attempt)
            self._at(attempt.came, lambda attempt=attempt: self._arrive(attempt))  # type: ignore[misc]
        while self._events:
            self.clock.now, _, happen = heapq.heappop(self._events)
            happen()

    def _at(self, time: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), happen))

    def _arrive(self, attempt: Attempt) -> None:
        now = self.clock.now
        held = ExitStack()
        try:
            self._queue.check_room(attempt.identity)
            slot = held.enter_context(self._queue.slot(CLIP, caller=NOBODY, identity=attempt.identity))
        except Busy as refusal:
            attempt.told.append((now, refusal.retry_after_seconds))
            late = self._return_late_by(len(attempt.told))
            if late is not None:
                self._at(now + refusal.retry_after_seconds + late, lambda: self._arrive(attempt))
            return
        attempt.accepted = now
        self._waiting.append((slot, held, attempt))
        self._serve()

    def _serve(self) -> None:
        if self._running or not self._waiting:
            return
        now = self.clock.now
        if now - self.start > 1:
            self.idle += now - self._free_since
        next_one = min(self._waiting, key=lambda waiting: waiting[0].rank)
        self._waiting.remove(next_one)
        slot, self._running, attempt = next_one
        slot.running, attempt.began = True, now
        self._at(now + SECONDS_PER_CLIP, self._finish)

    def _finish(self) -> None:
        assert self._running
        self._running.close()
        self._running, self._free_since = None, self.clock.now
        self._serve()


def test_caller_that_waits_as_told_gets_in_however_long_the_overload_lasts(clock: Clock) -> None:
    """At twice the capacity for six minutes, a refused caller needs one more attempt, and an accepted one waits within the limit."""
    run = Simulation(clock, return_late_by=lambda _: 0.2)
    run.run(rate=2 / SECONDS_PER_CLIP, seconds=360)
    refused = [attempt for attempt in run.attempts if attempt.told]
    assert len(refused) > len(run.attempts) / 2
    again = [attempt for attempt in refused if len(attempt.told) > 1]
    assert len(again) < 0.05 * len(refused)
    assert all(attempt.began - attempt.accepted <= MAX_WAIT + 1 for attempt in run.attempts)
    assert run.idle < 1
    # As much work was left at the end of the overload as it had brought too much.
    assert clock.now - run.start == pytest.approx(720, abs=5)


def test_engine_stays_busy_if_no_refused_caller_comes_again(clock: Clock) -> None:
    """Room that was promised in vain is given to others."""
    run = Simulation(clock, return_late_by=lambda _: None)
    run.run(rate=2 / SECONDS_PER_CLIP, seconds=360)
    accepted = [attempt for attempt in run.attempts if attempt.accepted]
    assert run.idle < 1
    assert len(accepted) >= 360 / SECONDS_PER_CLIP
    # Once it is known, refused callers are not told to wait behind those that never come.
    assert max(seconds for attempt in run.attempts[-100:] for _, seconds in attempt.told) < 2 * MAX_WAIT


def test_promise_is_kept_by_its_own_call_only_and_in_time_only(clock: Clock) -> None:
    """Another call takes none, nor does one that comes at once, or much too late."""
    held = Promises()
    held.make("crm", audio=CLIP, seconds=30)
    held.make("crm", audio=CLIP, seconds=60)
    assert not held.take("crm")
    clock.now += 30
    assert not held.take("other")
    assert held.take("crm")
    assert not held.take("crm")
    clock.now += 30 + promises.LATE_SECONDS + 1
    assert not held.take("crm")
    assert held.audio(longest=CLIP) == 0


def test_promises_are_bounded() -> None:
    """However many are refused, memory and the time for a decision stay bounded."""
    held = Promises()
    for _ in range(2 * MAX_PROMISES):
        held.make("crm", audio=1, seconds=60)
    assert held.audio(longest=CLIP) == MAX_PROMISES


class Sleeping(FakeEngine):
    """An engine that takes a tenth of a second for each call, one after the other, and no CPU."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()

    def transcribe(self, *recording: Any, **options: Any) -> Transcript:
        """Wait for the turn, and for a tenth of a second."""
        with self._lock:
            time.sleep(0.1)
            return super().transcribe(*recording, **options)


@pytest.mark.verify
def test_real_server_at_twice_its_capacity_refuses_with_times_that_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call is answered in the end, none without an answer; most refused callers get in when they come again."""
    monkeypatch.setattr(bodies, "LINGER_SECONDS", 5.0)
    settings = replace(SETTINGS, max_wait_seconds=4, max_client_requests=1000, max_requests=1000, requests_per_minute=0)

    async def call(client: httpx2.AsyncClient, number: int) -> list[int]:
        """The statuses of a caller's attempts."""
        await asyncio.sleep(number / 20)
        statuses: list[int] = []
        while statuses[-1:] != [200]:
            content = b"RIFF" + bytes(number)
            answer = await client.post("/transcribe", files={"audio_file": ("call.wav", content)})
            statuses.append(answer.status_code)
            await asyncio.sleep(int(answer.headers.get("retry-after", "0")))
        return statuses

    async def calls(url: str) -> tuple[list[list[int]], float]:
        began = time.monotonic()
        async with httpx2.AsyncClient(base_url=url, timeout=60, limits=httpx2.Limits(max_connections=None)) as client:
            found = await asyncio.gather(*(call(client, number) for number in range(200)))
        return found, time.monotonic() - began

    with served(application(Sleeping(), settings=settings), settings) as url:
        found, seconds = asyncio.run(calls(url))
    assert {status for statuses in found for status in statuses} == {200, 503}
    refused = [statuses for statuses in found if len(statuses) > 1]
    assert len(refused) > 40
    # Times are whole seconds, and half of this short queue is two.
    assert sum(len(statuses) == 2 for statuses in refused) > 0.5 * len(refused)
    # Ten seconds of arrivals are twenty of work; the engine was never idle for long.
    assert seconds < 30
