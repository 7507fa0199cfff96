"""Spans, wherever the service's time goes: without a collector nothing of OpenTelemetry is imported, and they do nothing.

Attributes hold no word of a transcript, no key of an object, no name of a file and nothing that a caller chose.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol
from urllib.parse import urlsplit

from service.contract import OTLP_ENDPOINT_VARIABLE
from service.settings import SettingError

# OpenTelemetry's own variables; the second one holds the whole URL.
ENDPOINTS = (OTLP_ENDPOINT_VARIABLE, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
DISABLED = "OTEL_SDK_DISABLED"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
PROTOCOL = "http/protobuf"

Fact = str | int | float


class Span(Protocol):
    """A stretch of time in a trace."""

    def rename(self, name: str) -> None:
        """Change its name, if it was not known when the span began."""

    def note(self, **facts: Fact) -> None:
        """Add attributes; a dot in a name is written as two underscores."""

    def event(self, name: str, **facts: Fact) -> None:
        """Add an event that happens now."""

    def link(self, traceparent: str) -> None:
        """Relate it to a span in another trace; a malformed text is ignored."""


class Tracer(Protocol):
    """Begins spans, and sends those that have ended."""

    def span(
        self, name: str, *, kind: str, parent: str, trace: str, began: float | None, facts: Mapping[str, Fact]
    ) -> AbstractContextManager[Span]:
        """A span during a block."""

    @property
    def traceparent(self) -> str:
        """The present span as W3C's header names it; empty if there is none."""

    def stop(self) -> None:
        """Send what is left, for a moment at most."""


class _Silence:
    """A span, and a tracer of such spans, that do nothing."""

    traceparent = ""

    def rename(self, name: str) -> None:
        pass

    def note(self, **facts: Fact) -> None:
        pass

    def event(self, name: str, **facts: Fact) -> None:
        pass

    def link(self, traceparent: str) -> None:
        pass

    @contextmanager
    def span(self, name: str, **_: object) -> Iterator[Span]:  # noqa: ARG002 - as the protocol says
        yield self

    def stop(self) -> None:
        pass


SILENCE = _Silence()
_tracer: Tracer = SILENCE


def start(environ: Mapping[str, str], *, service: str, environment: str) -> None:
    """Trace from now on, if the environment variables name a collector.

    Args:
        environ: OpenTelemetry's standard variables.
        service: the verb that runs, such as `api`.
        environment: the name of the environment.

    Raises:
        SettingError: a variable has a value that the exporter would fail with later.
    """
    global _tracer  # noqa: PLW0603 - like the log, one for the process
    endpoints = {name: environ[name].strip() for name in ENDPOINTS if environ.get(name, "").strip()}
    if not endpoints or environ.get(DISABLED, "").strip().lower() == "true":
        return
    for name, url in endpoints.items():
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise SettingError(name, url, "the URL of a collector, such as http://127.0.0.1:4318")
    for name in PROTOCOLS:
        if environ.get(name, PROTOCOL) != PROTOCOL:
            raise SettingError(name, environ[name], PROTOCOL)
    from service.tracing import otlp  # noqa: PLC0415 - imports OpenTelemetry

    _tracer = otlp.OtlpTracer(service=service, environment=environment)


def stop() -> None:
    """Send the spans that are left, for a moment at most."""
    _tracer.stop()


def traceparent() -> str:
    """The present span as W3C's header names it; empty if there is none."""
    return _tracer.traceparent


def span(
    name: str,
    *,
    kind: str = "internal",
    parent: str = "",
    trace: str = "",
    began: float | None = None,
    **facts: Fact,
) -> AbstractContextManager[Span]:
    """A span during a block, inside the present one.

    Args:
        name: one of few.
        kind: OpenTelemetry's: `server`, `consumer` or `internal`.
        parent: the `traceparent` of a span elsewhere; a malformed text is ignored.
        trace: a text that names the trace of a span without a parent: the same text, the same trace.
        began: seconds since 1970; without it, now.
        facts: attributes.
    """
    return _tracer.span(name, kind=kind, parent=parent, trace=trace, began=began, facts=facts)


def ended(name: str, *, seconds: float, **facts: Fact) -> None:
    """A span that ends now, after so many seconds."""
    with _tracer.span(name, kind="internal", parent="", trace="", began=time.time() - seconds, facts=facts):
        pass
