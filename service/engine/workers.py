"""The threads that share the processor among calls: windows of all calls in turn, decoded in batches.

A window that waits joins the next batch, whatever call it belongs to, so that short calls fill batches together and
none waits for the end of a long one. CTranslate2 takes no window into a batch that it has begun.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock, get_ident
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.engine.decoding import Decoder, Encoding, Hypothesis

Alignment = list[dict[str, Any]]
# Called after each window of a call, in the call's thread. If it raises an error, those that wait are not begun.
Step = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hearing:
    """A window to decode.

    Attributes:
        encoding: of the window.
        language: ISO 639 code.
        seconds: of audio in the window.
        options: of the decoder; only windows with the same ones share a batch.
    """

    encoding: Encoding
    language: str
    seconds: float
    options: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, other: object) -> bool:
        """Whether both can be in one batch."""
        return (
            isinstance(other, Hearing) and self.encoding.shape == other.encoding.shape and self.options == other.options
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    """One window's work: to be encoded, or to be heard."""

    work: NDArray[np.float32] | Hearing
    result: "Future[Any]" = field(default_factory=Future)


class Workers:
    """A fixed number of threads. Safe to use from several calls' own threads."""

    def __init__(self, decoder: Decoder, *, count: int, batch_size: int) -> None:
        self._decoder = decoder
        self._count = count
        self._batch_size = batch_size
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="inference")
        # One line of tasks for each request of a call; the first line's turn is next.
        self._lines: deque[deque[_Task]] = deque()
        self._busy = 0
        # When each thread that works on a batch began it.
        self._began: dict[int, float] = {}
        self._lock = Lock()

    @property
    def windows_at_once(self) -> int:
        """How many windows of one call keep all threads busy."""
        return self._count * self._batch_size

    @property
    def busy_seconds(self) -> float:
        """How long the batch that is the longest in work has been so; 0 if there is none."""
        with self._lock:
            return time.monotonic() - min(self._began.values()) if self._began else 0.0

    def encode(self, audios: Sequence[NDArray[np.float32]], *, each: Step = lambda: None) -> list[Encoding]:
        """Encode windows, each shape (frames,)."""
        return self._run(audios, each)

    def hear(self, hearings: Sequence[Hearing], *, each: Step = lambda: None) -> list[tuple[Hypothesis, Alignment]]:
        """The hypothesis of each window, and the alignment of its words."""
        return self._run(hearings, each)

    def _run(self, works: Sequence[NDArray[np.float32] | Hearing], each: Step) -> list[Any]:
        tasks = [_Task(work=work) for work in works]
        line = deque(tasks)
        with self._lock:
            self._lines.append(line)
        for _ in tasks:
            # Each takes a batch; those that find no task left end at once.
            self._threads.submit(self._serve)
        results = []
        try:
            for task in tasks:
                results.append(task.result.result())
                each()
        finally:
            # After a failure, the other windows have no one to wait for them.
            with self._lock:
                self._lines = deque(other for other in self._lines if other is not line)
        return results

    def _serve(self) -> None:
        tasks = self._take()
        try:
            self._complete(tasks)
        finally:
            with self._lock:
                self._busy -= 1
                self._began.pop(get_ident(), None)

    def _complete(self, tasks: Sequence[_Task]) -> None:
        error = self._finish(tasks)
        if error and len(tasks) == 1:
            tasks[0].result.set_exception(error)
        elif error:
            # The failure of one window must not be that of the other calls in its batch.
            for task in tasks:
                if own := self._finish([task]):
                    task.result.set_exception(own)

    def _take(self) -> list[_Task]:
        """The next task and, if it is to be heard, more of its kind up to this thread's share of them."""
        with self._lock:
            idle = self._count - self._busy
            self._busy += 1
            first = self._next(lambda _: True)
            if first is None:
                return []
            self._began[get_ident()] = time.monotonic()
            tasks = [first]
            if isinstance(first.work, Hearing):
                waiting = 1 + sum(map(len, self._lines))
                share = min(self._batch_size, -(-waiting // idle))
                while len(tasks) < share and (more := self._next(first.work.fits)):
                    tasks.append(more)
            return tasks

    def _next(self, fits: Callable[[Any], bool]) -> _Task | None:
        """The first task of the first line whose first task fits; that line goes to the end."""
        for _ in range(len(self._lines)):
            line = self._lines.popleft()
            task = line.popleft() if fits(line[0].work) else None
            if line:
                self._lines.append(line)
            if task:
                return task
        return None

    def _finish(self, tasks: Sequence[_Task]) -> Exception | None:
        """Do the tasks' work; returns the error if it fails, and then no task has a result."""
        try:
            results: Sequence[Any]
            results = [self._decoder.encode(task.work) for task in tasks if not isinstance(task.work, Hearing)]
            results = results or self._heard([task.work for task in tasks if isinstance(task.work, Hearing)])
        except Exception as error:  # noqa: BLE001 -- the thread of the call raises it
            return error
        for task, result in zip(tasks, results, strict=True):
            task.result.set_result(result)
        return None

    def _heard(self, hearings: Sequence[Hearing]) -> list[tuple[Hypothesis, Alignment]]:
        if not hearings:
            return []
        encodings = np.stack([hearing.encoding for hearing in hearings])
        languages = [hearing.language for hearing in hearings]
        seconds = [hearing.seconds for hearing in hearings]
        hypotheses = self._decoder.generate(encodings, languages, seconds, **hearings[0].options)
        texts, translate = [found.tokens for found in hypotheses], hearings[0].options.get("translate", False)
        alignments = self._decoder.align(encodings, languages, texts, seconds, translate=translate)
        return list(zip(hypotheses, alignments, strict=True))
