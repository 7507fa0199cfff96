import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

AGENT_TIMEOUT_SECONDS = 5


class TaskProtection:
    """Asks ECS not to choose this task when it scales in, through the agent beside it; says whether ECS agreed."""

    def __init__(self, agent_uri: str) -> None:
        self._agent = urlsplit(agent_uri)

    def protect(self, *, minutes: int) -> bool:
        """Protect the task for so long; 0 gives it free."""
        wish: dict[str, Any] = {"ProtectionEnabled": minutes > 0}
        if minutes:
            wish["ExpiresInMinutes"] = minutes
        connection = HTTPConnection(self._agent.hostname or "", self._agent.port or 80, timeout=AGENT_TIMEOUT_SECONDS)
        try:
            path = f"{self._agent.path.rstrip('/')}/task-protection/v1/state"
            connection.request("PUT", path, json.dumps(wish), {"Content-Type": "application/json"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
