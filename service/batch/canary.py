"""The `canary` verb: a golden call goes the way of every recording, and its transcript has to come back in time.

Nothing is simulated: the bucket announces it, the scaling wakes a worker, and the worker publishes its results.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from service.batch import results
from service.batch.events import Upload
from service.batch.golden import GoldenCall
from service.batch.ports import CountedQueue, GoldenResults, GoldenStore
from service.batch.results import FOLDERS, ResultKeys, State
from service.contract import CheckMetric
from service.errors import RetryLater, ServiceError
from service.settings import Settings
from service.telemetry import Meter, log
from service.transcript import Transcript

# Share of the golden call's words that may be wrong: `base` has none. Most are wrong with a model that is broken, or that
# answers in another language.
MAX_ERROR = 0.25
POLL_SECONDS = 5.0

# The share of the golden call's words that are wrong in a text.
Judge = Callable[[str], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How a golden call ended.

    Attributes:
        passed: whether nothing is wrong.
        text: one line for people.
        heard: whether its words came back right, so that nothing of it is needed any more.
    """

    passed: bool
    text: str
    heard: bool = False


@dataclass(kw_only=True)
class Backlog:
    """The progress of the workers while the golden call waits.

    Attributes:
        least: the smallest number of waiting messages that was seen, the golden call's own included; None before a look.
        done: how many recordings were transcribed.
    """

    queue: CountedQueue
    transcripts: GoldenResults
    least: int | None = None
    done: int = 0
    _running: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Count the changes since the last look."""
        waiting, _ = self.queue.counts()
        self.least = waiting if self.least is None else min(self.least, waiting)
        running = {key for key, _ in self.transcripts.keys(f"{FOLDERS[State.RUNNING]}/")}
        self.done += sum(self._is_transcribed(key) for key in self._running - running)
        self._running = running

    @property
    def drains(self) -> bool:
        """Whether messages waited all the time, and workers finished some: the golden call's turn is still to come."""
        return (self.least or 0) > 1 and self.done > 0

    def _is_transcribed(self, running: str) -> bool:
        transcript = running.replace(FOLDERS[State.RUNNING], FOLDERS[State.DONE], 1)
        return any(key == transcript for key, _ in self.transcripts.keys(transcript))


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Puts a golden call into the recordings bucket, and awaits its transcript for `within_seconds`."""

    call: GoldenCall
    recordings: GoldenStore
    transcripts: GoldenResults
    queue: CountedQueue
    judge: Judge
    settings: Settings
    within_seconds: float
    poll_seconds: float = POLL_SECONDS

    def run(self) -> Finding:
        """Put the call, wait and judge. One that failed stays, with its results, for whoever looks for the reason.

        Raises:
            RetryLater: AWS refuses the call, or did not answer the last look.
        """
        suffix = (*self.settings.key_filter.suffixes, ".wav")[0]
        key = f"{self.settings.canary_folder}{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}{suffix}"
        began = time.monotonic()
        self.recordings.put(key, self.call.audio, content_type="audio/wav")
        finding = self._wait(key, began)
        if finding.heard:
            self._remove(key)
        return finding

    def _wait(self, key: str, began: float) -> Finding:
        backlog = Backlog(queue=self.queue, transcripts=self.transcripts)
        while True:
            seconds = time.monotonic() - began
            late = seconds > self.within_seconds
            try:
                if finding := self._look(key, seconds):
                    return finding
                backlog.look()
                if late:
                    return self._late(key, backlog)
            except RetryLater as fault:
                if late:
                    raise
                log("cannot look", code=fault.code)
            time.sleep(self.poll_seconds)

    def _look(self, key: str, seconds: float) -> Finding | None:
        """The end of the golden call, if it has one: a worker moves `latest` last, and so has published all of it."""
        if pointer := self.transcripts.read(ResultKeys(Upload(bucket="", key=key)).latest):
            document = self.transcripts.read(ResultKeys(results.read_upload(pointer[0])).transcript)
            return self._judged(key, results.read_transcript(document[0]), seconds) if document else None
        for failure, _ in self.transcripts.keys(_folder(State.FAILED, key)):
            if document := self.transcripts.read(failure):
                code = json.loads(document[0])["error"]["code"]
                return Finding(passed=False, text=f"the golden call was refused ({code}): {key}")
        return None

    def _judged(self, key: str, transcript: Transcript, seconds: float) -> Finding:
        came, language = f"the golden call came back after {seconds:.0f} s", self.call.language
        if not self.call.judged:
            text = f"{came}; its words are not judged, since the settings exclude its language ({language})"
            return Finding(passed=True, heard=True, text=text)
        wrong = self.judge(" ".join(segment.text for segment in transcript.segments))
        words = f"{wrong:.0%} of its words ({language}) are wrong"
        if wrong > MAX_ERROR:
            return Finding(passed=False, text=f"{came}, but {words}, more than {MAX_ERROR:.0%}: {key}")
        return Finding(passed=True, heard=True, text=f"{came}; {words}")

    def _late(self, key: str, backlog: Backlog) -> Finding:
        late = f"the golden call has no transcript after {self.within_seconds:.0f} s"
        if backlog.drains:
            text = (
                f"{late}, but others wait, too, and {backlog.done} were transcribed meanwhile; its words are not judged"
            )
            return Finding(passed=True, text=text)
        waiting, working = self.queue.counts()
        return Finding(passed=False, text=f"{late}; {waiting} messages wait, {working} are in flight: {key}")

    def _remove(self, key: str) -> None:
        """Delete the call and its results; the lifecycles of the buckets end the versions that remain of them."""
        self.recordings.delete(key)
        for state in FOLDERS:
            for result, _ in self.transcripts.keys(_folder(state, key)):
                self.transcripts.delete(result)


def _folder(state: State, key: str) -> str:
    """The folder of a recording's results in a state."""
    return f"{FOLDERS[state]}/{results.name(key)}/"


def run(canary: Canary, *, meter: Meter | None) -> int:
    """Send one golden call and print how it ended, for a `meter` as a metric, too.

    Returns:
        0 if it passed, else 1.
    """
    began = time.monotonic()
    try:
        finding = canary.run()
    except ServiceError:
        if meter:
            meter.check({CheckMetric.PASSED: 0})
        raise
    if meter:
        seconds = time.monotonic() - began
        meter.check({CheckMetric.PASSED: int(finding.passed), CheckMetric.SECONDS: seconds})
    print(f"canary: {'passed' if finding.passed else 'failed'}: {finding.text}", flush=True)  # noqa: T201 - a person asked
    return 0 if finding.passed else 1
