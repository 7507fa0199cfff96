"""The API-key check, and keys that change while the service runs."""

import asyncio
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service import access
from service.access import AccessKey
from service.contract import LIVE_PATH, METRICS_PATH, READY_PATH
from service.errors import InsufficientScope, InvalidApiKey
from service.http import description, page
from service.http.batch_desk import PATH as BATCH_PATH
from service.http.responses import service_error_response
from service.telemetry import caller, log

# Load balancers and browsers have no key.
OPEN_PATHS = {LIVE_PATH, READY_PATH, *description.PATHS}
REFRESH_SECONDS = 60.0


class KeyRing:
    """The keys that are valid now.

    Args:
        keys: at the start.
        read: reads the secret with the keys again; blocks. None if they never change.
    """

    def __init__(self, keys: Sequence[AccessKey], *, read: Callable[[], str] | None = None) -> None:
        self.keys = tuple(keys)
        self._read = read

    def find(self, shown: bytes) -> AccessKey | None:
        """The key that a caller has shown. Compares with every key, so that the duration reveals nothing about one."""
        opened = [key for key in self.keys if key.opens(shown)]
        return opened[0] if opened else None

    async def stay_fresh(self) -> None:
        """Read the keys again every minute, without end. A secret that cannot be read or is wrong changes nothing."""
        while self._read:
            try:
                self._replace(access.read_keys(await asyncio.to_thread(self._read)))
            except Exception as error:  # noqa: BLE001 - a reading that fails must not be the last one
                log("keys not read again", error=type(error).__name__)
            await asyncio.sleep(REFRESH_SECONDS)

    def _replace(self, keys: tuple[AccessKey, ...]) -> None:
        if not keys:
            # It must not disable authentication.
            raise ValueError("an empty secret")
        if keys != self.keys:
            self.keys = keys
            log("keys changed", keys=[key.name for key in keys])


class ApiKeyCheck:
    """Rejects requests without a valid key before their bodies are read; accepts all if no key is configured.

    The health checks need no key: load balancers have none.
    """

    def __init__(self, app: ASGIApp, *, ring: KeyRing) -> None:
        self.app = app
        self._ring = ring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or respond with 401 or 403."""
        if not self._ring.keys or scope["type"] != "http" or _is_open(scope["path"]):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        shown = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        key = self._ring.find(shown.encode())
        if key is None:
            refusal = service_error_response(InvalidApiKey(), headers={"www-authenticate": "Bearer"})
            return await refusal(scope, receive, send)
        caller.set(key.caller)
        needed = scope_of(scope["path"], scope["method"])
        if needed not in key.caller.scopes:
            return await service_error_response(InsufficientScope(scope=needed))(scope, receive, send)
        return await self.app(scope, receive, send)


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or page.is_open(path)


def scope_of(path: str, method: str) -> access.Scope:
    """The scope that a request needs."""
    if path == METRICS_PATH:
        return access.Scope.METRICS
    if path == BATCH_PATH:
        return access.Scope.BATCH
    if path.startswith("/jobs") and method in {"GET", "HEAD"}:
        return access.Scope.JOBS
    return access.Scope.TRANSCRIBE
