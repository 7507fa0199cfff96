"""A worker killed at every step of its work: whatever was in hand is done by the next one, and nothing twice."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Timer

import pytest

from service.batch.results import Places
from tests.service.cloud import Cloud, Worker, until, worker
from tests.service.proxy import Answer, Call, Cut, Proxy

CALLS = 3
# Longer than a call takes to decode and to transcribe, on a machine at ease.
WORK_SECONDS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where the process ends: `before` a call reaches AWS, or `after` it did, at once or within so many seconds."""

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
    """Kills a worker the n-th time that it comes to a step; what a dead worker had asked for is not passed on."""

    def __init__(self, step: Step, *, name: str, nth: int, delay: float) -> None:
        self.struck = Event()
        self.victim: Worker | None = None
        self._step, self._name, self._left, self._delay = step, name, nth, delay

    def __call__(self, call: Call) -> Answer | None:
        """Strike where it is time."""
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
        assert self.victim
        self.victim.kill()
        self.struck.set()


def _empty(call: Call) -> bool:
    return call.answer is not None and b"ReceiptHandle" not in call.answer.body


def seeds() -> list[object]:
    """One seed in CI; the others in the full matrix."""
    return [0, *(pytest.param(seed, marks=pytest.mark.verify) for seed in range(1, 5))]


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("name", STEPS)
def test_call_whose_worker_is_killed_is_transcribed_once(
    cloud: Cloud, between: Proxy, tmp_path: Path, name: str, seed: int
) -> None:
    """Each of a few calls has one transcript, whichever of them was in hand and whatever of it was done."""
    chance, step = random.Random(f"{name} {seed}"), STEPS[name]
    uploads = [cloud.upload(f"agent {number}.wav") for number in range(CALLS)]
    target = chance.choice(uploads)
    places = Places(target)
    call = step.name.format(
        recordings=cloud.recordings,
        transcripts=cloud.transcripts,
        key=target.key,
        transcript=places.transcript,
        vtt=places.renderings["vtt"],
        latest=places.latest,
    )
    nth = 1 if call != step.name else chance.randint(1, CALLS)
    killer = Killer(step, name=call, nth=nth, delay=chance.uniform(0, step.within))
    setattr(between, step.moment, killer)
    with worker(cloud, tmp_path, endpoint=between.url) as first:
        killer.victim = first
        assert killer.struck.wait(60), first.last_words
        assert first.process.wait(10) == -9
        assert not first.leftovers
    with worker(cloud, tmp_path) as second:
        second.wait_for("ready")
        until(lambda: not cloud.left(), seconds=60, why=lambda: second.last_words)
        assert second.stop() == 0
    for upload in uploads:
        cloud.assert_transcribed_once(upload)
    cloud.assert_drained()
