"""`GET /batch`: the state of the batch of all recordings."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.errors import BatchUnavailable
from service.http.batch_desk import PATH, BatchDesk
from service.telemetry import caller


async def retrieve(request: Request) -> Response:
    """`GET /batch`."""
    desk: BatchDesk | None = request.app.state.batch
    if desk is None:
        raise BatchUnavailable
    facts = await asyncio.to_thread(desk.look, caller.get())
    return JSONResponse(facts, headers={"cache-control": "no-store"})


ROUTES = (Route(PATH, retrieve, methods=["GET"]),)
