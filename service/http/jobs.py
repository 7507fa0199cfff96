"""The routes of jobs: hand over a recording, ask for its state, remove it."""

import asyncio
import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.access import Scope
from service.errors import InsufficientScope, InvalidJob, JobNotFound, JobsUnavailable
from service.http.jobs_desk import JobDesk, View
from service.job_states import ENDED
from service.telemetry import caller
from service.webhooks.target import WrongTarget, expected, read_target

PATH = "/jobs"
# A new job takes a few hundred bytes, a key at most 1024, and the URL of a webhook 2000.
MAX_BODY_BYTES = 16_384


async def create(request: Request) -> Response:
    """`POST /jobs`: a link to upload a recording with, or the key of one in the bucket."""
    desk = _desk(request)
    body = await _body(request)
    who, webhook = caller.get(), _webhook(body, desk)
    if "key" in body:
        # It reads what others have put.
        if Scope.JOBS not in who.scopes:
            raise InsufficientScope(scope=Scope.JOBS)
        view = await asyncio.to_thread(desk.take_key, caller=who, key=_key(body), webhook=webhook)
    else:
        sha256, size = _upload(body, limit=desk.settings.worker_max_upload_bytes)
        view = await asyncio.to_thread(desk.take_upload, caller=who, sha256=sha256, size=size, webhook=webhook)
    return _shown(view, status=200 if view.state in ENDED else 202)


async def retrieve(request: Request) -> Response:
    """`GET /jobs/{id}`."""
    desk = _desk(request)
    view = await asyncio.to_thread(desk.look, _identity(request), caller=caller.get())
    return _shown(view, status=200)


async def remove(request: Request) -> Response:
    """`DELETE /jobs/{id}`."""
    desk = _desk(request)
    await asyncio.to_thread(desk.remove, _identity(request), caller=caller.get())
    return Response(status_code=204)


def _shown(view: View, *, status: int) -> Response:
    headers = {"location": view.facts["links"]["self"], "cache-control": "no-store"}
    return JSONResponse(view.facts, status_code=status, headers=headers)


def _desk(request: Request) -> JobDesk:
    desk: JobDesk | None = request.app.state.jobs
    if desk is None:
        raise JobsUnavailable
    return desk


def _identity(request: Request) -> str:
    identity: str = request.path_params["id"]
    if not re.fullmatch("[0-9a-f]{40}", identity):
        raise JobNotFound
    return identity


async def _body(request: Request) -> dict[str, Any]:
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_BODY_BYTES:
            raise InvalidJob(
                field="body", expected=f"at most {MAX_BODY_BYTES} bytes; the recording is sent by the link"
            )
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    # One of two forms, and nothing else: an option that is ignored would mislead.
    if not isinstance(body, dict) or set(body) - {"webhook"} not in ({"key"}, {"sha256", "size"}):
        raise InvalidJob(
            field="body", expected='{"sha256": …, "size": …} or {"key": …}, perhaps with "webhook", as JSON'
        )
    return body


def _webhook(body: dict[str, Any], desk: JobDesk) -> str:
    """The URL of the webhook that is asked for; empty for none."""
    if "webhook" not in body:
        return ""
    if not desk.webhooks:
        raise InvalidJob(field="webhook", expected="a job without one, because this service sends none")
    url = body["webhook"]
    try:
        read_target(url if isinstance(url, str) else "")
    except WrongTarget as error:
        raise InvalidJob(field="webhook", expected=expected()) from error
    return str(url)


def _key(body: dict[str, Any]) -> str:
    key = body["key"]
    if not isinstance(key, str) or not 1 <= len(key.encode(errors="replace")) <= 1024 or not _encodes(key):
        raise InvalidJob(field="key", expected="a text of 1 to 1024 bytes")
    return key


def _encodes(text: str) -> bool:
    """Whether a text can be a key: JSON can hold halves of characters, and S3's answers no control characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return all(character >= " " for character in text)


def _upload(body: dict[str, Any], *, limit: int) -> tuple[bytes, int]:
    sha256, size = body["sha256"], body["size"]
    if not isinstance(sha256, str) or not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InvalidJob(field="sha256", expected="the recording's SHA-256, as 64 lower-case hex digits")
    if type(size) is not int or not 1 <= size <= limit:
        raise InvalidJob(field="size", expected=f"the recording's size, a whole number of bytes from 1 to {limit}")
    return bytes.fromhex(sha256), size


ROUTES = (
    Route(PATH, create, methods=["POST"]),
    Route(f"{PATH}/{{id}}", retrieve, methods=["GET"]),
    Route(f"{PATH}/{{id}}", remove, methods=["DELETE"]),
)
