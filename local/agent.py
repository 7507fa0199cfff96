"""The ECS agent beside each task, as far as workers use it: protection from scaling in.

Its answers have the forms of the agent's source: a request that ECS refuses is answered with 200, too, and a `failure`.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.emulator import HOST

STATE = "/task-protection/v1/state"
# ECS's default if a task names no duration.
DEFAULT_MINUTES = 120
MAX_MINUTES = 2880
MAX_BODY_BYTES = 1024
# ECS's reason if a service has as many protected tasks as it wants tasks.
BLOCKED = "DEPLOYMENT_BLOCKED"


class Agent:
    """The agent of all tasks on this machine; as in ECS, each task has a path of its own.

    Attributes:
        blocked: whether ECS refuses to protect a task, given its name.
        refused: how often it did.
    """

    def __init__(self, url: str) -> None:
        self.blocked: Callable[[str], bool] = lambda _: False
        self.refused = 0
        self._url = url
        self._until: dict[str, float] = {}

    def uri(self, task: str) -> str:
        """The value of `ECS_AGENT_URI` for a task."""
        return f"{self._url}/{task}"

    def protected(self, task: str) -> bool:
        """Whether scaling in must not stop a task: its protection has not expired."""
        return self._until.get(task, 0.0) > time.monotonic()

    def take(self, task: str, wish: Any) -> dict[str, Any]:
        """Answer a task's request for protection, or for its end.

        Raises:
            ValueError: the request is not one of ECS's.
        """
        match wish:
            case {"ProtectionEnabled": bool(wanted)}:
                minutes = wish.get("ExpiresInMinutes", DEFAULT_MINUTES)
            case _:
                raise ValueError(f"body: got {wish!r}, expected ProtectionEnabled, true or false")
        if not isinstance(minutes, int) or not 1 <= minutes <= MAX_MINUTES:
            raise ValueError(f"ExpiresInMinutes: got {minutes!r}, expected a whole number from 1 to {MAX_MINUTES}")
        # A protected task may always extend its protection.
        if wanted and not self.protected(task) and self.blocked(task):
            self.refused += 1
            return {"failure": {"Arn": task, "Reason": BLOCKED, "Detail": None}}
        self._until[task] = time.monotonic() + 60 * minutes if wanted else 0.0
        return {"protection": {"ProtectionEnabled": wanted, "ExpirationDate": None, "TaskArn": task}}


@contextmanager
def running_agent() -> Iterator[Agent]:
    """An agent that listens on the loopback interface until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            task, _, rest = self.path.removeprefix("/").partition("/")
            body = self.rfile.read(min(MAX_BODY_BYTES, int(self.headers.get("Content-Length", 0))))
            if f"/{rest}" != STATE:
                self._refuse(404, "ResourceNotFoundException", f"path: got {self.path!r}, expected /TASK{STATE}")
                return
            try:
                self._answer(200, agent.take(task, json.loads(body)))
            except ValueError as error:
                self._refuse(400, "InvalidParameterException", str(error))

        def _refuse(self, status: int, code: str, message: str) -> None:
            self._answer(status, {"error": {"Code": code, "Message": message}})

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            """Write no log: workers call with every heartbeat."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        agent = Agent(f"http://{HOST}:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield agent
        finally:
            server.shutdown()
            thread.join()
