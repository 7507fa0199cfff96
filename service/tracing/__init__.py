"""Traces of calls and recordings, for an OpenTelemetry collector; off unless the environment names one."""

from service.tracing.origin import Origin
from service.tracing.spans import Span, ended, span, start, stop

__all__ = ["Origin", "Span", "ended", "span", "start", "stop"]
