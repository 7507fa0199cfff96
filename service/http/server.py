"""Runs the application under uvicorn, until SIGTERM and the end of the accepted calls."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from service.http.calls import Calls
from service.settings import Settings


class Server(uvicorn.Server):
    """Uvicorn that drains on SIGTERM: it is no longer ready, finishes the accepted calls, and exits with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install the signal handlers while the server runs."""
        calls: Calls = self.config.app.state.calls  # type: ignore[union-attr]

        def drain() -> None:
            calls.draining = True
            self.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, drain)
        yield


def serve(app: Starlette, *, listener: socket.socket, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the accepted calls."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        # Longer than the load balancer's: if the service closed an idle connection first, the balancer would send a
        # request into it and answer 502.
        timeout_keep_alive=settings.idle_timeout_seconds + 5,
        timeout_graceful_shutdown=settings.stop_timeout_seconds - 5,
    )
    Server(config).run(sockets=[listener])
