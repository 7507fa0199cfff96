"""Runs the application under uvicorn, until SIGTERM and the end of the accepted calls."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette

from service.http.connections import Connection
from service.http.limits import MAX_HEAD_BYTES
from service.settings import Settings

# Of the stop timeout: for the connections that are left once the requests are answered, and for the exit.
CLOSING_SECONDS, EXIT_SECONDS = 3, 5


class Server(uvicorn.Server):
    """Uvicorn that drains on SIGTERM: it is no longer ready, finishes the accepted calls, and exits with 0.

    Until then it goes on to accept connections, so that a new call is refused with the time to come again, and not by a
    closed port. A second signal ends the wait.
    """

    def __init__(self, config: uvicorn.Config, *, state: Any, drain_seconds: float) -> None:
        super().__init__(config)
        self._state = state
        self._drain_seconds = drain_seconds

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install the signal handlers, and keep the keys fresh, while the server runs."""
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._state.ring.stay_fresh())]

        def drain() -> None:
            if self._state.calls.draining:
                self.should_exit = True
            self._state.calls.draining = True
            tasks.append(loop.create_task(self._leave()))

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, drain)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def _leave(self) -> None:
        """Wait for the requests under way, and stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._drain_seconds):
                await self._state.traffic.end()
        self.should_exit = True


def serve(app: Starlette, *, listener: socket.socket, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the accepted calls."""
    server = Server(
        server_config(app, settings=settings),
        state=app.state,
        drain_seconds=settings.stop_timeout_seconds - CLOSING_SECONDS - EXIT_SECONDS,
    )
    server.run(sockets=[listener])


def server_config(app: Starlette, *, settings: Settings) -> uvicorn.Config:
    """Uvicorn's configuration."""
    most = 0 if settings.proxies else settings.max_client_requests
    return uvicorn.Config(
        app,
        # Uvicorn calls it, as it would call a class.
        http=partial(Connection, most=most),  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        # Longer than the load balancer's: if the service closed an idle connection first, the balancer would send a
        # request into it and answer 502.
        timeout_keep_alive=settings.idle_timeout_seconds + 5,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
