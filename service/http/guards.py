"""The guards around every route, from the outermost: the log, the body, the number of requests, the key, the rate."""

from starlette.applications import Starlette

from service.http.api_keys import ApiKeyCheck, KeyRing
from service.http.bodies import BodyLimits
from service.http.calls import Calls
from service.http.limits import RateLimit, RequestLimits, Traffic
from service.http.metrics import Metrics
from service.http.request_log import RequestLog
from service.settings import Settings


def add_guards(app: Starlette, *, calls: Calls, ring: KeyRing, settings: Settings) -> None:
    """Put the guards around an application."""
    traffic = Traffic()
    metrics = Metrics(calls=calls, traffic=traffic)
    # Starlette adds each around those before.
    app.add_middleware(RateLimit, settings=settings)
    app.add_middleware(ApiKeyCheck, ring=ring)
    app.add_middleware(RequestLimits, traffic=traffic, queue=calls.queue, settings=settings)
    app.add_middleware(BodyLimits, queue=calls.queue, settings=settings)
    app.add_middleware(RequestLog, observe=metrics.observe_request)
    app.state.traffic, app.state.metrics, app.state.ring = traffic, metrics, ring
