import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from service.batch.ports import Answer, Verdict

AGENT_TIMEOUT_SECONDS = 5
BLOCKED = "DEPLOYMENT_BLOCKED"


class EcsAgent:
    """The agent that ECS runs beside a task; it is asked to spare the task when the service scales in."""

    def __init__(self, uri: str) -> None:
        self._uri = urlsplit(uri)

    def protect(self, *, minutes: int) -> Answer:
        """Ask to protect the task for that long; 0 removes protection."""
        request: dict[str, Any] = {"ProtectionEnabled": minutes > 0}
        if minutes:
            request["ExpiresInMinutes"] = minutes
        connection = HTTPConnection(self._uri.hostname or "", self._uri.port or 80, timeout=AGENT_TIMEOUT_SECONDS)
        try:
            path = f"{self._uri.path.rstrip('/')}/task-protection/v1/state"
            connection.request("PUT", path, json.dumps(request), {"Content-Type": "application/json"})
            return _answer(json.loads(connection.getresponse().read()), wanted=minutes > 0)
        except (OSError, HTTPException, ValueError) as error:
            return Answer(verdict=Verdict.FAILED, reason=type(error).__name__)
        finally:
            connection.close()


def _answer(document: object, *, wanted: bool) -> Answer:
    """Read the body of the agent's answer, which alone tells: a refusal by ECS has the status 200, too."""
    match document:
        case {"protection": {"ProtectionEnabled": bool(enabled)}} if enabled is wanted:
            return Answer(verdict=Verdict.GRANTED)
        case {"failure": {"Reason": str(reason)}}:
            return Answer(verdict=Verdict.BLOCKED if reason == BLOCKED else Verdict.FAILED, reason=reason)
        case {"error": {"Code": str(code)}}:
            return Answer(verdict=Verdict.FAILED, reason=code)
    return Answer(verdict=Verdict.FAILED, reason="unknown answer")
