import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

AGENT_TIMEOUT_SECONDS = 5


class EcsAgent:
    """The agent that ECS runs beside a task; it is asked to spare the task when the service scales in."""

    def __init__(self, uri: str) -> None:
        self._uri = urlsplit(uri)

    def protect(self, *, minutes: int) -> bool:
        """Protect the task for that long; 0 removes protection. Returns whether ECS agreed."""
        request: dict[str, Any] = {"ProtectionEnabled": minutes > 0}
        if minutes:
            request["ExpiresInMinutes"] = minutes
        connection = HTTPConnection(self._uri.hostname or "", self._uri.port or 80, timeout=AGENT_TIMEOUT_SECONDS)
        try:
            path = f"{self._uri.path.rstrip('/')}/task-protection/v1/state"
            connection.request("PUT", path, json.dumps(request), {"Content-Type": "application/json"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
