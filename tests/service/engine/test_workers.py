"""Workers share the processor among calls: full batches, no call behind another's end, each failure its own."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.engine.decoding import Decoder, Encoding, Hypothesis
from service.engine.workers import Hearing, Workers
from tests.service.engine.builders import hypothesis

WAIT_SECONDS = 20


class Batch:
    """What a decoder was given at once: the windows' numbers, their languages and the options."""

    def __init__(self, windows: list[int], languages: Sequence[str], options: dict[str, Any]) -> None:
        self.windows, self.languages, self.options = windows, list(languages), options


class Recorder(Decoder):
    """Records batches; with a gate, each batch waits to be let through. A window's audio is its number."""

    def __init__(
        self, *, fails: Callable[[int], bool] = lambda _: False, gate: threading.Semaphore | None = None
    ) -> None:
        self.batches: list[Batch] = []
        self._fails, self._gate = fails, gate

    def encode(self, audio: NDArray[np.float32]) -> Encoding:
        """The number, in the shape (1, 1)."""
        if self._fails(int(audio[0])):
            raise RuntimeError(f"window {int(audio[0])}")
        return audio.reshape(1, 1)

    def generate(
        self, encodings: Encoding, languages: Sequence[str], seconds: Sequence[float], **options: Any
    ) -> list[Hypothesis]:
        """The number as text."""
        windows = [int(number) for number in encodings[:, 0, 0]]
        assert len(languages) == len(seconds) == len(windows)
        self.batches.append(Batch(windows, languages, options))
        if self._gate and not self._gate.acquire(timeout=WAIT_SECONDS):
            raise TimeoutError
        if failed := [number for number in windows if self._fails(number)]:
            raise RuntimeError(f"window {failed[0]}")
        return [hypothesis(f" w{number}") for number in windows]

    def align(
        self,
        encodings: Encoding,
        languages: Sequence[str],
        texts: Sequence[list[int]],
        seconds: Sequence[float],
        *,
        translate: bool = False,
    ) -> list[list[dict[str, Any]]]:
        """The number again."""
        assert not translate
        assert len(encodings) == len(languages) == len(texts) == len(seconds)
        return [[{"window": int(number)}] for number in encodings[:, 0, 0]]


def hearings(*windows: int, language: str = "en", **options: Any) -> list[Hearing]:
    """Windows to be heard, by their numbers."""
    return [
        Hearing(encoding=np.full((1, 1), number, np.float32), language=language, seconds=1.0, options=options)
        for number in windows
    ]


def texts(workers: Workers, heard: Sequence[Hearing]) -> list[str]:
    """The windows' texts; their alignments must be their own."""
    results = workers.hear(heard)
    assert [f" w{alignment[0]['window']}" for _, alignment in results] == [found.text for found, _ in results]
    return [found.text.strip() for found, _ in results]


class Occupied:
    """Workers whose threads are busy with a batch each, until `release`; what comes meanwhile waits in their lines."""

    def __init__(self, *, count: int = 1, batch_size: int = 4, fails: Callable[[int], bool] = lambda _: False) -> None:
        self._gate = threading.Semaphore(0)
        self._callers = ThreadPoolExecutor(16)
        self.decoder = Recorder(gate=self._gate, fails=fails)
        self.workers = Workers(self.decoder, count=count, batch_size=batch_size)
        for number in range(count):
            self._callers.submit(self.workers.hear, hearings(-1 - number))
            wait_for(lambda: len(self.decoder.batches) == number + 1)  # noqa: B023 -- called at once
        self._waiting = 0

    def call(self, heard: Sequence[Hearing]) -> Any:
        """Another call's windows, which wait; returns the future of their texts."""
        future = self._callers.submit(texts, self.workers, heard)
        self._waiting += len(heard)
        wait_for(lambda: sum(map(len, self.workers._lines)) == self._waiting)
        return future

    def step(self) -> None:
        """Let one batch through."""
        self._gate.release()

    def release(self) -> list[Batch]:
        """Let all batches through; returns those of the waiting calls."""
        first = len(self.decoder.batches)
        self._gate.release(1000)
        self._callers.shutdown()
        return self.decoder.batches[first:]


def wait_for(condition: Callable[[], bool]) -> None:
    """Until a condition holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.002)


def test_results_are_in_order() -> None:
    """Whatever batches the windows were in."""
    workers = Workers(Recorder(), count=3, batch_size=4)
    assert texts(workers, hearings(*range(50))) == [f"w{number}" for number in range(50)]
    assert [int(encoding[0, 0]) for encoding in workers.encode([np.full(1, n, np.float32) for n in range(50)])] == [
        *range(50)
    ]
    assert workers.hear([]) == workers.encode([]) == []


def test_batch_mixes_calls() -> None:
    """Two short calls fill one batch, and each gets its own texts."""
    occupied = Occupied()
    first, second = occupied.call(hearings(1, 2)), occupied.call(hearings(11, 12))
    (batch,) = occupied.release()
    assert sorted(batch.windows) == [1, 2, 11, 12]
    assert (first.result(), second.result()) == (["w1", "w2"], ["w11", "w12"])


def test_batch_mixes_languages() -> None:
    """Each window keeps its own."""
    occupied = Occupied()
    occupied.call(hearings(1, 2, language="fr")), occupied.call(hearings(11, 12, language="es"))
    (batch,) = occupied.release()
    assert dict(zip(batch.windows, batch.languages, strict=True)) == {1: "fr", 2: "fr", 11: "es", 12: "es"}


def test_other_options_are_another_batch() -> None:
    """A fallback is decoded in its own way."""
    occupied = Occupied()
    occupied.call(hearings(1, 2)), occupied.call(hearings(11, 12, beam_size=1))
    batches = occupied.release()
    assert [(sorted(batch.windows), batch.options) for batch in batches] == [([1, 2], {}), ([11, 12], {"beam_size": 1})]


def test_short_call_does_not_wait_for_the_end_of_a_long_one() -> None:
    """Its window is in the next batch, though forty are waiting before it."""
    occupied = Occupied()
    occupied.call(hearings(*range(1, 41)))
    short = occupied.call(hearings(100))
    occupied.step()
    wait_for(lambda: len(occupied.decoder.batches) == 2)
    assert 100 in occupied.decoder.batches[1].windows
    occupied.step()
    assert short.result(WAIT_SECONDS) == ["w100"]
    assert sum(map(len, occupied.workers._lines)) > 30
    occupied.release()


def test_workers_share_what_waits() -> None:
    """Six windows are three for each of two threads, not four and two: both end at the same time."""
    gate = threading.Semaphore(0)
    decoder = Recorder(gate=gate)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(texts, Workers(decoder, count=2, batch_size=4), hearings(*range(6)))
        wait_for(lambda: len(decoder.batches) == 2)
        gate.release(2)
        assert call.result(WAIT_SECONDS) == [f"w{number}" for number in range(6)]
    assert [len(batch.windows) for batch in decoder.batches] == [3, 3]


def test_batch_is_no_larger_than_its_limit() -> None:
    """Its memory grows with it."""
    occupied = Occupied(batch_size=4)
    occupied.call(hearings(*range(1, 11)))
    assert [len(batch.windows) for batch in occupied.release()] == [4, 4, 2]


def test_windows_of_a_call_that_is_given_up_are_not_begun() -> None:
    """After an error between two windows, one may be in work already; the others are never decoded."""
    gate = threading.Semaphore(1)
    decoder = Recorder(gate=gate)
    workers = Workers(decoder, count=1, batch_size=1)

    def give_up() -> None:
        wait_for(lambda: len(decoder.batches) == 2)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        workers.hear(hearings(1, 2, 3, 4), each=give_up)
    gate.release(10)
    assert texts(workers, hearings(11)) == ["w11"]
    assert [batch.windows for batch in decoder.batches] == [[1], [2], [11]]


def test_failure_stays_with_its_own_call() -> None:
    """The other windows of its batch are decoded again without it."""
    occupied = Occupied(fails=lambda number: number == 12)
    good, bad = occupied.call(hearings(1, 2)), occupied.call(hearings(11, 12))
    occupied.release()
    assert good.result(WAIT_SECONDS) == ["w1", "w2"]
    with pytest.raises(RuntimeError, match="window 12"):
        bad.result(WAIT_SECONDS)


def test_failure_of_the_encoder_is_that_of_the_call() -> None:
    """And the workers go on."""
    workers = Workers(Recorder(fails=lambda number: number == 3), count=2, batch_size=4)
    with pytest.raises(RuntimeError, match="window 3"):
        workers.encode([np.full(1, number, np.float32) for number in range(6)])
    assert texts(workers, hearings(1, 2)) == ["w1", "w2"]


def test_call_whose_failure_comes_first_leaves_nothing_behind() -> None:
    """The rest of its windows are still done, and nobody waits for them."""
    workers = Workers(Recorder(fails=lambda number: number == 0), count=1, batch_size=1)
    with pytest.raises(RuntimeError, match="window 0"):
        workers.hear(hearings(*range(5)))
    wait_for(lambda: not workers._lines)


def test_threads_are_as_many_as_the_workers() -> None:
    """However many calls there are."""
    workers = Workers(Recorder(), count=2, batch_size=4)
    with ThreadPoolExecutor(8) as calls:
        list(calls.map(lambda n: texts(workers, hearings(*range(n, n + 9))), range(8)))
    assert sum(thread.name.startswith("inference") for thread in workers._threads._threads) == 2


def test_workers_know_how_long_the_oldest_batch_has_been_in_work() -> None:
    """While a decoder hangs, the time grows; before and afterwards there is none."""
    gate = threading.Semaphore(0)
    workers = Workers(Recorder(gate=gate), count=2, batch_size=1)
    assert workers.busy_seconds == 0
    with ThreadPoolExecutor() as threads:
        heard = threads.submit(texts, workers, hearings(1, 2))
        time.sleep(0.2)
        assert 0.1 < workers.busy_seconds < WAIT_SECONDS
        gate.release(2)
        assert heard.result() == ["w1", "w2"]
    assert workers.busy_seconds == 0
