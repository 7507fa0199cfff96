"""The API-key check."""

import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.contract import LIVE_PATH, READY_PATH
from service.errors import InvalidApiKey
from service.http.responses import service_error_response


class ApiKeyCheck:
    """Rejects requests without a valid key before their bodies are read; accepts all if no key is configured.

    The health checks need no key: load balancers have none.
    """

    def __init__(self, app: ASGIApp, *, keys: Sequence[str]) -> None:
        self.app = app
        self._keys = [key.encode() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or respond with 401."""
        if not self._keys or scope["type"] != "http" or scope["path"] in {LIVE_PATH, READY_PATH}:
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        shown = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        # Compares with every key in constant time, so that the duration reveals nothing about a key.
        if sum(hmac.compare_digest(shown.encode(), key) for key in self._keys):
            return await self.app(scope, receive, send)
        refusal = service_error_response(InvalidApiKey(), headers={"www-authenticate": "Bearer"})
        return await refusal(scope, receive, send)
