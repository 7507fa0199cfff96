"""A worker is killed at each step of its work: the next one does the work that was in hand, and none of it twice.

The next worker is the next step's victim, so that each kill costs one start.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Timer

import pytest

from local.emulator import Emulator
from service.batch.events import announcement
from service.batch.results import ResultKeys
from tests.service.cloud import Cloud, Worker, until, worker
from tests.service.proxy import Answer, Call, Cut, Proxy, proxy

CALLS = 3
# Longer than decoding and transcribing a call takes on an idle machine.
WORK_SECONDS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """When the process is killed: `before` a request reaches AWS or `after`, at once or `within` some seconds."""

    moment: str
    name: str
    within: float = 0.0
    cut: bool = False


STEPS: Mapping[str, Step] = {
    "after receive": Step(moment="after", name="ReceiveMessage"),
    "before download": Step(moment="before", name="GET {recordings}/{key}"),
    "during download": Step(moment="after", name="GET {recordings}/{key}", within=0.2, cut=True),
    "during work": Step(moment="after", name="GET {recordings}/{key}", within=WORK_SECONDS),
    "before transcript": Step(moment="before", name="PUT {transcripts}/{transcript}"),
    "after transcript": Step(moment="after", name="PUT {transcripts}/{transcript}"),
    "between renderings": Step(moment="after", name="PUT {transcripts}/{vtt}"),
    "before latest": Step(moment="before", name="PUT {transcripts}/{latest}"),
    "after latest": Step(moment="after", name="PUT {transcripts}/{latest}"),
    "before delete": Step(moment="before", name="DeleteMessage"),
    "after delete": Step(moment="after", name="DeleteMessage"),
}


class Killer:
    """Kills a worker when it comes to a step for the n-th time, and stops its later requests from reaching AWS."""

    def __init__(self, step: Step, *, victim: Worker, name: str, nth: int, delay: float) -> None:
        self.struck = Event()
        self._victim = victim
        self._step, self._name, self._left, self._delay = step, name, nth, delay

    def __call__(self, call: Call) -> Answer | None:
        """Kill the worker if this is the step."""
        if self.struck.is_set():
            raise Cut
        if not call.name.startswith(self._name) or (call.answer and self._name == "ReceiveMessage" and _empty(call)):
            return None
        self._left -= 1
        if self._left:
            return None
        if not self._step.within:
            self._strike()
            raise Cut
        Timer(self._delay, self._strike).start()
        return replace(call.answer, cut=len(call.answer.body) // 2) if call.answer and self._step.cut else None

    def _strike(self) -> None:
        self._victim.kill()
        self.struck.set()


def _empty(call: Call) -> bool:
    return call.answer is not None and b"ReceiptHandle" not in call.answer.body


@dataclass(kw_only=True)
class Chain:
    """A queue with buckets, and the worker that works on it at the moment."""

    cloud: Cloud
    between: Proxy
    folder: Path
    workers: ExitStack

    def start(self) -> Worker:
        """Start a worker that nothing kills yet, and wait until it is ready."""
        self.between.before = self.between.after = lambda _: None
        self.worker = self.workers.enter_context(worker(self.cloud, self.folder, endpoint=self.between.url))
        self.worker.wait_for("ready")
        return self.worker


def seeds() -> list[object]:
    """One seed in CI, more in `make verify`."""
    return [0, *(pytest.param(seed, marks=pytest.mark.verify) for seed in range(1, 5))]


@pytest.fixture(scope="module")
def chain(emulated: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """The queue and buckets of all kills, and a proxy that every worker uses."""
    cloud = Cloud.make(emulated)
    with proxy(emulated.url) as between, ExitStack() as workers:
        chain = Chain(cloud=cloud, between=between, folder=tmp_path_factory.mktemp("workers"), workers=workers)
        chain.start()
        yield chain
        assert chain.worker.stop() == 0


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("name", STEPS)
def test_call_whose_worker_is_killed_is_transcribed_once(chain: Chain, name: str, seed: int) -> None:
    """Each call has exactly one transcript, whichever was in hand and however much of it was done."""
    chance, step, cloud = random.Random(f"{name} {seed}"), STEPS[name], chain.cloud
    uploads = [cloud.upload(f"{name} {seed}/agent {number}.wav", announce=False) for number in range(CALLS)]
    target = chance.choice(uploads)
    keys = ResultKeys(target)
    call = step.name.format(
        recordings=cloud.recordings,
        transcripts=cloud.transcripts,
        key=target.key,
        transcript=keys.transcript,
        vtt=keys.renderings["vtt"],
        latest=keys.latest,
    )
    nth = 1 if call != step.name else chance.randint(1, CALLS)
    # After a failed test there may be none.
    first = chain.worker if chain.worker.process.poll() is None else chain.start()
    killer = Killer(step, victim=first, name=call, nth=nth, delay=chance.uniform(0, step.within))
    setattr(chain.between, step.moment, killer)
    for upload in uploads:
        cloud.send(announcement(upload))
    assert killer.struck.wait(60), first.log_end
    assert first.process.wait(10) == -9
    assert not first.leftovers
    second = chain.start()
    until(lambda: not cloud.left(), seconds=60, why=lambda: second.log_end)
    for upload in uploads:
        cloud.assert_transcribed_once(upload)
    cloud.assert_drained()
