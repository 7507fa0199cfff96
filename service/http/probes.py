"""The questions of machines: whether the service is alive, whether it is ready, and its metrics."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.contract import LIVE_PATH, METRICS_PATH, READY_PATH
from service.http.calls import Calls


async def healthz(request: Request) -> Response:
    """`GET /healthz`: the event loop responds, and no batch has been in the engine for too long."""
    calls: Calls = request.app.state.calls
    if calls.stuck:
        return JSONResponse({"status": "stuck"}, status_code=503)
    return JSONResponse({"status": "healthy"})


async def readyz(request: Request) -> Response:
    """`GET /readyz`: the model is loaded and the service accepts calls."""
    calls: Calls = request.app.state.calls
    if calls.stuck or calls.draining:
        return JSONResponse({"status": "stuck" if calls.stuck else "draining"}, status_code=503)
    return JSONResponse({"status": "ready"})


async def metrics(request: Request) -> Response:
    """`GET /metrics`: for Prometheus."""
    return Response(request.app.state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


ROUTES = (Route(LIVE_PATH, healthz), Route(READY_PATH, readyz), Route(METRICS_PATH, metrics))
