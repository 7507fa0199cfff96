"""Prometheus metrics, beside those in the log that CloudWatch reads."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

from service.http.calls import Calls
from service.http.limits import Traffic
from service.http.request_log import QUIET_PATHS, route_of
from service.telemetry import Measures, caller

# From a clip to the deadline of a call, in seconds.
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300, 600, 900)


class Metrics:
    """The metrics of this process."""

    def __init__(self, *, calls: Calls, traffic: Traffic) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "whisper_requests", "Requests that were answered.", ["path", "status", "caller"], registry=registry
        )
        self._calls = Counter("whisper_calls", "Calls, by how they ended.", ["outcome"], registry=registry)
        self._latency = Histogram(
            "whisper_call_seconds", "Time from a call's first byte to its answer.", buckets=SECONDS, registry=registry
        )
        self._queue_wait = Histogram(
            "whisper_queue_wait_seconds", "Time that a call waited for its turn.", buckets=SECONDS, registry=registry
        )
        self._audio = Counter("whisper_audio_seconds", "Seconds of audio that were decoded.", registry=registry)
        self._processing = Counter(
            "whisper_processing_seconds", "Calls' shares of the process's time.", registry=registry
        )
        self._webhooks = Counter(
            "whisper_webhooks", "Webhooks of jobs, by the outcome of an attempt.", ["outcome"], registry=registry
        )
        for name, text, value in (
            ("whisper_queue_audio_seconds", "Audio still to be transcribed.", lambda: calls.queue.audio),
            (
                "whisper_promised_audio_seconds",
                "Audio of refused calls that are expected again.",
                lambda: calls.queue.promised,
            ),
            ("whisper_queue_wait_expected_seconds", "Wait of a short call that came now.", calls.queue.wait),
            ("whisper_calls_waiting", "Calls that wait for the engine.", lambda: calls.queue.waiting),
            ("whisper_calls_running", "Calls that the engine works on.", lambda: calls.running),
            ("whisper_requests_under_way", "Requests that are not answered yet.", lambda: traffic.total),
            ("whisper_real_time_factor", "Processing for a second of audio.", lambda: calls.queue.pace.seconds(1.0)),
            ("whisper_draining", "1 if the service is stopping.", lambda: calls.draining),
            ("whisper_stuck", "1 if the engine is stuck.", lambda: calls.stuck),
        ):
            Gauge(name, text, registry=registry).set_function(value)
        calls.meter.observers.append(self._observe_call)
        calls.meter.counters.append(lambda metric: self._webhooks.labels(metric.name.lower()).inc())

    def exposition(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    def observe_request(self, scope: Scope, status: int) -> None:
        """Count a request that was answered."""
        if scope["path"] not in QUIET_PATHS:
            self._requests.labels(route_of(scope), str(status), caller.get().name).inc()

    def _observe_call(self, measures: Measures, latency: float) -> None:
        self._calls.labels(measures.outcome).inc()
        self._latency.observe(latency)
        if measures.queue_wait is not None:
            self._queue_wait.observe(measures.queue_wait)
        self._audio.inc(measures.audio or 0.0)
        self._processing.inc(measures.processing or 0.0)
