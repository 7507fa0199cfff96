"""OpenTelemetry's SDK and its exporter over HTTP: imported only if the environment names a collector.

A thread of the SDK sends the spans. It keeps the last 2,048 while the collector is slow or down, so that no call waits
for it.
"""

import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource, get_aggregated_resources
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service import __version__
from service.contract import OTLP_ENDPOINT_VARIABLE
from service.telemetry import labelled, log
from service.tracing.spans import Fact, Span

# At the end of the process, whatever the collector does.
FLUSH_SECONDS = 2.0
KINDS = {"server": SpanKind.SERVER, "consumer": SpanKind.CONSUMER, "internal": SpanKind.INTERNAL}
W3C = TraceContextTextMapPropagator()
# The text that names the trace of the next span.
_named: ContextVar[str] = ContextVar("named", default="")


class OtlpTracer:
    """Sends spans to the collector that OpenTelemetry's variables name.

    Args:
        service: the verb that runs, part of the service's name unless `OTEL_SERVICE_NAME` is set.
        environment: the name of the environment.
    """

    def __init__(self, *, service: str, environment: str) -> None:
        own = {
            "service.name": f"whisper-fargate-{service}",
            "service.version": __version__,
            "deployment.environment.name": environment,
        }
        # It logs which of its variables have values that it ignores.
        self._spans = BatchSpanProcessor(_Telling(OTLPSpanExporter()))
        # From then on it would log each attempt, with hosts and ports.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        provider = TracerProvider(
            resource=get_aggregated_resources([OTELResourceDetector()], initial_resource=Resource(own)),
            id_generator=_Ids(),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._spans)
        self._tracer = provider.get_tracer("whisper-fargate", __version__)
        log("traces are sent")

    @contextmanager
    def span(
        self, name: str, *, kind: str, parent: str, trace: str, began: float | None, facts: Mapping[str, Fact]
    ) -> Iterator[Span]:
        """A span during a block; an error in it shows by its class only, because its text might name a recording."""
        token = _named.set(trace)
        found = self._tracer.start_span(
            name,
            context=_context(parent) if parent or trace else None,
            kind=KINDS[kind],
            attributes=_attributes(facts),
            start_time=None if began is None else int(began * 1e9),
        )
        _named.reset(token)
        identity = f"{found.get_span_context().trace_id:032x}"
        with (
            otel.use_span(found, record_exception=False, set_status_on_exception=False),
            labelled(trace_id=identity),
        ):
            try:
                yield _OtlpSpan(found)
            except BaseException as error:
                found.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise
            finally:
                found.end()

    @property
    def traceparent(self) -> str:
        """The present span as W3C's header names it; empty if there is none."""
        carrier: dict[str, str] = {}
        W3C.inject(carrier)
        return carrier.get("traceparent", "")

    def stop(self) -> None:
        """Send what is left, for a moment at most: on a thread that ends with the process."""
        last = threading.Thread(target=self._spans.force_flush, daemon=True)
        last.start()
        last.join(FLUSH_SECONDS)


class _OtlpSpan:
    """A span of OpenTelemetry's."""

    def __init__(self, span: otel.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, **facts: Fact) -> None:
        self._span.set_attributes(_attributes(facts))

    def event(self, name: str, **facts: Fact) -> None:
        self._span.add_event(name, _attributes(facts))

    def link(self, traceparent: str) -> None:
        found = otel.get_current_span(_context(traceparent)).get_span_context()
        if found.is_valid:
            self._span.add_link(found)


class _Ids(RandomIdGenerator):
    """Random ids, unless a text names the trace."""

    def generate_trace_id(self) -> int:
        """The id of a new trace."""
        if not (text := _named.get()):
            return super().generate_trace_id()
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16])


class _Telling(SpanExporter):
    """Logs once that the collector takes no spans, and once that it takes them again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; blocks."""
        result = self._exporter.export(spans)
        if (failed := result is not SpanExportResult.SUCCESS) != self._failing:
            self._failing = failed
            log("traces are lost" if failed else "traces arrive again", setting=OTLP_ENDPOINT_VARIABLE)
        return result

    def shutdown(self) -> None:
        """End."""
        self._exporter.shutdown()


def _context(traceparent: str) -> Context:
    return W3C.extract({"traceparent": traceparent}, context=Context())


def _attributes(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {name.replace("__", "."): value for name, value in facts.items()}
