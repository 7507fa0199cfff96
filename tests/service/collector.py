"""A collector of traces on this machine, as OpenTelemetry's protocol over HTTP describes it."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

# Spans soon leave the process, and a collector that hangs is soon given up.
ENVIRON = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span as it arrived; ids are hex digits, and `began` is in seconds since 1970."""

    name: str
    service: str
    trace: str
    id: str
    parent: str
    kind: int
    began: float
    seconds: float
    failed: str
    facts: Mapping[str, Any]
    events: tuple[tuple[str, Mapping[str, Any]], ...]
    links: tuple[str, ...]


@dataclass
class Collector:
    """What arrived; `pause` delays every answer."""

    url: str = ""
    pause: float = 0.0
    spans: list[Span] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a process that sends its traces here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, **ENVIRON}

    def named(self, name: str) -> Span:
        """The only span with a name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def take(self, content: bytes) -> None:
        """Keep a request's spans."""
        self.texts.append(content)
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            service = _facts(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [_span(span, service) for span in scope.spans]


@contextmanager
def collector(*, pause: float = 0.0) -> Iterator[Collector]:
    """A collector, on a free port of the loopback address."""
    found = Collector(pause=pause)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            content = self.rfile.read(int(self.headers["content-length"]))
            time.sleep(found.pause)
            found.take(content)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def _span(span: trace_pb2.Span, service: str) -> Span:
    return Span(
        name=span.name,
        service=service,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        began=span.start_time_unix_nano / 1e9,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        failed=span.status.message,
        facts=_facts(span.attributes),
        events=tuple((event.name, _facts(event.attributes)) for event in span.events),
        links=tuple(link.trace_id.hex() for link in span.links),
    )


def _facts(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
