"""Structured logs and embedded metrics: one JSON object a line, and never a word of a transcript.

CloudWatch extracts the metrics from the log lines (embedded metric format); dashboards and alarms read them by the
names of `service.contract`.
"""

import json
import logging
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from types import MappingProxyType
from typing import Any, TextIO

from service.access import Caller
from service.contract import (
    METRIC_DIMENSIONS,
    METRIC_NAMESPACE,
    OUTCOME_DIMENSION,
    CheckMetric,
    Gauge,
    Metric,
    Outcome,
    WebhookMetric,
)
from service.errors import (
    AwsDenied,
    AwsUnavailable,
    Busy,
    DeadlineExceeded,
    DiskFull,
    Draining,
    RateExceeded,
    RequestError,
    ShareExceeded,
    TooManyRequests,
)

# In CloudWatch's words.
UNITS = {
    Metric.LATENCY: "Seconds",
    Metric.QUEUE_WAIT: "Seconds",
    Metric.AUDIO_SECONDS: "Seconds",
    Metric.REAL_TIME_FACTOR: "None",
    Metric.COST: "None",
    Metric.CALLS: "Count",
}
GAUGE_UNITS = {Gauge.CALL_SECONDS: "Seconds", Gauge.REST_SECONDS: "Seconds", Gauge.PACE: "None"}
CHECK_UNITS = {CheckMetric.PASSED: "Count", CheckMetric.SECONDS: "Seconds", CheckMetric.LOST: "Count"}

OUTCOMES: Mapping[type[Exception], Outcome] = {
    RequestError: Outcome.REFUSED,
    Busy: Outcome.BUSY,
    Draining: Outcome.BUSY,
    RateExceeded: Outcome.BUSY,
    ShareExceeded: Outcome.BUSY,
    TooManyRequests: Outcome.BUSY,
    AwsUnavailable: Outcome.STORAGE_FAULT,
    AwsDenied: Outcome.STORAGE_FAULT,
    DiskFull: Outcome.DISK_FULL,
    DeadlineExceeded: Outcome.DEADLINE,
}

logger = logging.getLogger("service")

request_id: ContextVar[str] = ContextVar("request_id", default="")
NOBODY = Caller()
caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)
_labels: ContextVar[Mapping[str, str]] = ContextVar("labels", default=MappingProxyType({}))


def is_request_id(text: str) -> bool:
    """Whether a text that a caller chose may identify a request in logs: short, and without blanks and control characters."""
    return re.fullmatch(r"[\w.-]{1,64}", text, re.ASCII) is not None


@contextmanager
def labelled(**labels: str) -> Iterator[None]:
    """Add labels to every line of the block, beside the request id."""
    token = _labels.set({**_labels.get(), **labels})
    try:
        yield
    finally:
        _labels.reset(token)


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON, with the keyword arguments of `log` as fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if identity := request_id.get():
            line["request_id"] = identity
        if name := caller.get().name:
            line["caller"] = name
        line |= _labels.get()
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes log lines; once their reader has gone, it ends the process as SIGTERM does, without a word."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Handle an error of writing a line."""
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            self.close()
            logging.getLogger().removeHandler(self)
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            super().handleError(record)


def reader_has_gone(stream: TextIO) -> bool:
    """Whether a stream is a pipe that nothing reads any more."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def configure(stream: TextIO = sys.stdout) -> None:
    """Send every log of the process to `stream`, as JSON lines."""
    handler = LogHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Their lines name hosts and files, and give an operator nothing to act on.
    for noisy in ("httpx2", "httpcore2", "huggingface_hub", "faster_whisper", "botocore", "boto3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def log(message: str, **facts: object) -> None:
    """Log an event, with facts that hold nothing private: no text, no file name, no key."""
    logger.info(message, extra={"facts": facts})


@dataclass(slots=True, kw_only=True)
class Measures:
    """The outcome of a call, and its durations in seconds; `processing` is its share of the process's time.

    `began` is the time on the monotonic clock.
    """

    began: float = field(default_factory=time.monotonic)
    outcome: Outcome = Outcome.SUCCEEDED
    queue_wait: float | None = None
    processing: float | None = None
    audio: float | None = None


class SharedClock:
    """Divides the process's time among the calls that share it.

    While n calls run, each is charged a second per n seconds. The charges add up to the time in which any call ran, so
    that real-time factors and costs stay true however many calls run at once.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._running = 0
        self._charged = 0.0
        self._since = 0.0

    @contextmanager
    def running(self, measures: "Measures") -> Iterator[None]:
        """Charge the block's share of time to `measures.processing`, beside that of earlier blocks."""
        before = self._turn(1)
        try:
            yield
        finally:
            measures.processing = (measures.processing or 0.0) + self._turn(-1) - before

    def _turn(self, change: int) -> float:
        with self._lock:
            now = time.monotonic()
            if self._running:
                self._charged += (now - self._since) / self._running
            self._since = now
            self._running += change
            return self._charged


def outcome(error: Exception) -> Outcome:
    """The outcome of a call that ends with an error; one that is in no class of `OUTCOMES` is a defect."""
    return next((found for kind, found in OUTCOMES.items() if isinstance(error, kind)), Outcome.FAILED)


class Meter:
    """Writes the metrics of each call or check as one line of CloudWatch's embedded metric format.

    Attributes:
        observers: are told of each call's measures and its latency, too.
        counters: likewise of each count.
    """

    def __init__(
        self, *, environment: str, service: str, dollars_per_hour: float = 0.0, stream: TextIO = sys.stdout
    ) -> None:
        self._dimensions = dict(zip(METRIC_DIMENSIONS, (environment, service), strict=True))
        self._dollars_per_second = dollars_per_hour / 3600
        self._stream = stream
        self.observers: list[Callable[[Measures, float], None]] = []
        self.counters: list[Callable[[WebhookMetric], None]] = []

    @contextmanager
    def call(self) -> Iterator[Measures]:
        """Measure a call from here to the end of the block; an exception decides its outcome."""
        measures = Measures()
        try:
            yield measures
        except Exception as error:
            measures.outcome = outcome(error)
            raise
        except BaseException:
            # The server cancels what is left at the end of a drain.
            measures.outcome = Outcome.CANCELLED
            raise
        finally:
            latency = time.monotonic() - measures.began
            self._write(measures, latency=latency)
            for observe in self.observers:
                observe(measures, latency)

    def _write(self, measures: Measures, *, latency: float) -> None:
        known = {
            Metric.LATENCY: latency,
            Metric.QUEUE_WAIT: measures.queue_wait,
            Metric.AUDIO_SECONDS: measures.audio,
        }
        if measures.processing is not None:
            known[Metric.COST] = measures.processing * self._dollars_per_second
            if measures.audio:
                known[Metric.REAL_TIME_FACTOR] = measures.processing / measures.audio
        values = {name: round(value, 6) for name, value in known.items() if value is not None}
        facts: dict[str, object] = {
            "request_id": request_id.get(),
            OUTCOME_DIMENSION: measures.outcome,
            Metric.CALLS: 1,
        }
        if name := caller.get().name:
            facts["caller"] = name
        facts.update(_labels.get())
        facts.update((str(metric), value) for metric, value in values.items())
        self._print(
            _directive(METRIC_DIMENSIONS, {metric: UNITS[metric] for metric in values}),
            _directive((*METRIC_DIMENSIONS, OUTCOME_DIMENSION), {Metric.CALLS: UNITS[Metric.CALLS]}),
            facts=facts,
        )

    def check(self, values: Mapping[CheckMetric, float]) -> None:
        """Write what a scheduled check has measured."""
        units: dict[str, str] = {metric: CHECK_UNITS[metric] for metric in values}
        self._print(
            _directive(METRIC_DIMENSIONS, units), facts={name: round(value, 3) for name, value in values.items()}
        )

    def gauge(self, values: Mapping[Gauge, Sequence[float]]) -> None:
        """Write what a worker tells about the backlog; several values of a gauge count as many to its average."""
        units: dict[str, str] = {gauge: GAUGE_UNITS[gauge] for gauge in values}
        facts: dict[str, object] = {gauge: [round(v, 3) for v in several] for gauge, several in values.items()}
        self._print(_directive(METRIC_DIMENSIONS, units), facts=facts)

    def count(self, metric: WebhookMetric) -> None:
        """Count one of the events that belong to no call."""
        self._print(_directive(METRIC_DIMENSIONS, {metric: "Count"}), facts={metric: 1})
        for counter in self.counters:
            counter(metric)

    def _print(self, *directives: dict[str, object], facts: Mapping[str, object]) -> None:
        line = {
            "_aws": {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": directives},
            **self._dimensions,
            **facts,
        }
        # In one piece: `print` writes the end of the line apart, and lines of two threads would run into each other.
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


def _directive(dimensions: tuple[str, ...], units: Mapping[str, str]) -> dict[str, object]:
    named = [{"Name": metric, "Unit": unit} for metric, unit in units.items()]
    return {"Namespace": METRIC_NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": named}
