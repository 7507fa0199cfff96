"""Admission: slots counted in audio, the order of calls, and honest times to come again."""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access import Caller
from service.errors import Busy, ShareExceeded
from service.http import admission, promises
from service.http.admission import Pace, Queue
from service.telemetry import NOBODY
from tests.service.clock import Clock

HOUR = 3600.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of admission."""
    clock = Clock()
    monkeypatch.setattr(admission, "time", clock)
    monkeypatch.setattr(promises, "time", clock)
    return clock


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Slots that are held until the end of the test."""
    with ExitStack() as stack:
        yield stack


def measured(*, seconds_per_hour: float, max_wait: float = 60) -> Queue:
    """A queue whose engine takes so long for an hour of audio."""
    queue = Queue(max_wait_seconds=max_wait)
    for _ in range(200):
        queue.pace.measure(processing=seconds_per_hour, audio=HOUR)
    return queue


def test_pace_follows_the_last_calls() -> None:
    """An engine that has become slower is soon known to be slower."""
    pace = Pace()
    for _ in range(10):
        pace.measure(processing=1.0, audio=10.0)
    assert pace.seconds(100) == pytest.approx(10, rel=0.1)
    for _ in range(30):
        pace.measure(processing=3.0, audio=10.0)
    assert pace.seconds(100) == pytest.approx(30, rel=0.1)


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.1, 10_000)), max_size=20))
def test_pace_is_between_the_fastest_and_the_slowest_call(calls: list[tuple[float, float]]) -> None:
    """It is a mean, weighted by audio."""
    pace = Pace()
    for processing, audio in calls:
        pace.measure(processing=processing, audio=audio)
    paces = [processing / audio for processing, audio in [*calls, (admission.PRIOR_PROCESSING, admission.PRIOR_AUDIO)]]
    assert min(paces) * 0.999 <= pace.seconds(1.0) <= max(paces) * 1.001


def test_clip_overtakes_an_hour_that_came_before(clock: Clock, held: ExitStack) -> None:
    """A short clip does not wait behind an hour."""
    queue = measured(seconds_per_hour=120)
    hour = held.enter_context(queue.slot(HOUR, caller=NOBODY))
    clock.now += 30
    clip = held.enter_context(queue.slot(10, caller=NOBODY))
    assert clip.rank < hour.rank


def test_hour_is_overtaken_only_for_as_long_as_it_takes_itself(clock: Clock, held: ExitStack) -> None:
    """Otherwise it would wait for ever while clips keep coming."""
    queue = measured(seconds_per_hour=120, max_wait=1_000)
    hour = held.enter_context(queue.slot(HOUR, caller=NOBODY))
    clock.now += 121
    clip = held.enter_context(queue.slot(10, caller=NOBODY))
    assert clip.rank > hour.rank


def test_full_queue_refuses_until_half_of_it_is_done(clock: Clock, held: ExitStack) -> None:
    """61 s of work are ahead of the next clip, which may wait for 60: there is room for it again after 31, not 1."""
    queue = measured(seconds_per_hour=360, max_wait=60.5)  # a tenth of real time
    for _ in range(61):
        held.enter_context(queue.slot(10, caller=NOBODY))
        clock.now += 2  # so that each ranks before the next
    assert queue.audio == pytest.approx(610)
    with pytest.raises(Busy) as refusal:
        held.enter_context(queue.slot(10, caller=NOBODY))
    assert refusal.value.retry_after_seconds == 31


def test_queue_counts_audio_and_not_calls(clock: Clock, held: ExitStack) -> None:
    """A hundred clips leave room for more; an hour leaves none for another one."""
    queue = measured(seconds_per_hour=360)
    for _ in range(100):
        held.enter_context(queue.slot(5, caller=NOBODY))
    clock.now += 1
    held.enter_context(queue.slot(10, caller=NOBODY))
    held.enter_context(queue.slot(HOUR, caller=NOBODY))
    with pytest.raises(Busy):
        held.enter_context(queue.slot(HOUR, caller=NOBODY))


def test_clip_is_accepted_behind_hours_that_it_overtakes(clock: Clock, held: ExitStack) -> None:
    """Its wait is not theirs."""
    queue = measured(seconds_per_hour=50)
    held.enter_context(queue.slot(HOUR, caller=NOBODY))
    held.enter_context(queue.slot(HOUR, caller=NOBODY))
    clock.now += 1
    queue.check_room("crm")
    assert queue.wait(10) < 1 < queue.wait(HOUR)


def test_long_call_finds_room_in_an_empty_queue_however_long_it_is(held: ExitStack) -> None:
    """Its own length is no reason to refuse it, nor are calls that run."""
    queue = measured(seconds_per_hour=600)
    held.enter_context(queue.slot(HOUR, caller=NOBODY)).running = True
    held.enter_context(queue.slot(HOUR, caller=NOBODY))


def test_what_is_transcribed_counts_no_more(clock: Clock, held: ExitStack) -> None:
    """A call that is half done leaves half of its length in the queue."""
    queue = measured(seconds_per_hour=360)
    slot = held.enter_context(queue.slot(HOUR, caller=NOBODY))
    slot.running, slot.done = True, 0.75
    assert queue.audio == HOUR / 4
    clock.now += 1
    assert queue.wait(10) == pytest.approx(1)  # it shares the engine with the clip


def test_place_is_free_again_after_an_error() -> None:
    """Whatever ends a call."""
    queue = measured(seconds_per_hour=360)
    with pytest.raises(KeyError), queue.slot(10, caller=NOBODY):
        raise KeyError
    assert (queue.audio, queue.waiting) == (0, 0)


def test_caller_with_a_share_leaves_the_rest_to_others(held: ExitStack) -> None:
    """Its next call is told when enough of its own is done; another caller's is accepted."""
    queue = measured(seconds_per_hour=360)
    crm = Caller(name="crm", audio_seconds=100)
    held.enter_context(queue.slot(90, caller=crm))
    with pytest.raises(ShareExceeded) as refusal:
        held.enter_context(queue.slot(45, caller=crm))
    assert refusal.value.retry_after_seconds == 4  # 35 s of audio above its share
    held.enter_context(queue.slot(40, caller=Caller(name="other", audio_seconds=100)))


def test_share_never_refuses_a_single_call(held: ExitStack) -> None:
    """Otherwise a long recording would never be transcribed."""
    held.enter_context(measured(seconds_per_hour=360).slot(500, caller=Caller(name="crm", audio_seconds=100)))


@given(st.lists(st.floats(1, 5400), min_size=2, max_size=30))
def test_calls_that_come_together_run_from_the_shortest_to_the_longest(lengths: list[float]) -> None:
    """The order that makes the sum of all waits the least."""
    queue = Queue(max_wait_seconds=1e9)
    with ExitStack() as stack:
        slots = [stack.enter_context(queue.slot(audio, caller=NOBODY)) for audio in lengths]
        ordered = sorted(slots, key=lambda slot: slot.rank)
        for shorter, longer in itertools.pairwise(ordered):
            assert shorter.audio <= longer.audio + 1  # they come within milliseconds
