"""An endpoint in front of the emulator that notes each call: who signed it, of which service, and with which values."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.emulator import HOST

SIGNATURE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/[^/]*/(?P<service>[^/]+)/aws4_request")
# Of a connection, not of a call.
HOP = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}
FORM = "x-www-form-urlencoded"
# As CloudWatch's newest protocol names an operation.
OPERATION = re.compile(r"/operation/(\w+)$")
XML_KEY = re.compile(r"<AccessKeyId>([^<]+)<")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A signed call of AWS.

    Attributes:
        key: the access key that signed it; empty for a call with a token instead.
        service: as in the signature, such as `sts`.
        action: such as `AssumeRole`; of S3, the method and the path.
        values: its parameters, as the protocol of its service writes them.
    """

    key: str
    service: str
    action: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What went through the endpoint.

    Attributes:
        url: of the endpoint.
        calls: in the order of their answers.
        roles: ARN of the role by access key, of each role that was assumed.
    """

    url: str
    calls: list[Call] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)

    def of(self, action: str) -> list[Call]:
        """The calls of one action."""
        return [call for call in self.calls if call.action == action]


@contextmanager
def recording(emulator: str) -> Iterator[Recording]:
    """Answer at an address of its own, with the answers of an emulator."""
    port = urlsplit(emulator).port

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = HTTPConnection(HOST, port, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            connection.request(self.command, self.path, body, {**headers, "Host": self.headers["Host"]})
            answer = connection.getresponse()
            text = answer.read()
            call = _call(self.command, self.path, dict(self.headers), body)
            if call:
                made.calls.append(call)
                if call.action.startswith("AssumeRole") and (key := XML_KEY.search(text.decode())):
                    made.roles[key[1]] = call.values["RoleArn"]
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header(
                "Content-Length", str(len(text) if self.command != "HEAD" else answer.headers["Content-Length"])
            )
            self.end_headers()
            self.wfile.write(text)
            connection.close()

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass_on  # noqa: N815 -- the names that the base class calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name in the base class
            """Keep quiet."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        made = Recording(url=f"http://{HOST}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def _call(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call | None:
    """The call that a request makes; None if it is none of AWS's, such as a question whether the emulator is ready."""
    signed = SIGNATURE.search(headers.get("Authorization") or "")
    form = dict(parse_qsl(body.decode())) if FORM in (headers.get("Content-Type") or "") else {}
    if not signed and "Action" not in form:
        return None
    key, service = (signed["key"], signed["service"]) if signed else ("", "sts")
    values: dict[str, Any] = {}
    if target := headers.get("X-Amz-Target"):
        action, values = target.rpartition(".")[2], json.loads(body or b"{}")
    elif operation := OPERATION.search(path):
        action = operation[1]
    elif service == "s3":
        action, values = f"{method} {urlsplit(path).path}", {"from": headers.get("x-amz-copy-source") or ""}
    else:
        action, values = form.pop("Action"), form
    return Call(key=key, service=service, action=action, values=values)
