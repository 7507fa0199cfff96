"""The page for people, at `/`: its files, and the headers that guard a browser in which they run.

The page needs no key, since a browser has none; the requests that it sends do. Its files have their digest in their address
and may be cached for ever; the document itself is asked for again each time, which costs an answer without a body.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service import __version__
from service.settings import LANGUAGES, Settings

PATH, ASSETS_PATH = "/", "/page/"
FOLDER = Path(__file__).parent
DOCUMENT = "index.html"
TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Of the document; a token in the markup, since it is one attribute.
FACTS = "{facts}"
FOR_EVER, EACH_TIME = "public, max-age=31536000, immutable", "no-cache"
# They may ask AWS's client, so that they block.
Origins = Callable[[], Sequence[str]]
# Without a template engine, a text of a recording cannot become a script even by a mistake in the page's own code.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:;"
    " connect-src {sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "microphone=(self), camera=(), geolocation=(), display-capture=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def is_open(path: str) -> bool:
    """Whether a path is of the page, which needs no key."""
    return path == PATH or path.startswith(ASSETS_PATH)


def routes(settings: Settings, *, batch: bool, origins: Origins | None) -> list[BaseRoute]:
    """The page's routes; none if the settings switch it off.

    Args:
        settings: whose limits the page knows before it sends a recording.
        batch: whether the service knows the state of the batch.
        origins: of the buckets, to which the page sends jobs and from which it reads results; None without jobs.
    """
    if not settings.page:
        return []
    page = _Page(_facts(settings, jobs=origins is not None, batch=batch), origins=origins or tuple)
    return [Route(PATH, page.document), Route(f"{ASSETS_PATH}{{digest}}/{{name:path}}", page.asset)]


class _Page:
    """The files of the page, read once."""

    def __init__(self, facts: str, *, origins: Origins) -> None:
        files = {
            path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*")) if path.suffix in TYPES
        }
        self._files = {name: path.read_bytes() for name, path in files.items()}
        self._digest = hashlib.sha256(b"".join(self._files.values())).hexdigest()[:16]
        self._origins = origins
        markup = self._files.pop(DOCUMENT).decode()
        markup = markup.replace('"page/', f'"page/{self._digest}/').replace(FACTS, escape(facts))
        self._document = markup.encode()
        self._tag = f'"{hashlib.sha256(self._document).hexdigest()[:32]}"'

    async def document(self, request: Request) -> Response:
        """`GET /`."""
        sources = " ".join(("'self'", *await run_in_threadpool(self._origins)))
        headers = HEADERS | {
            "content-security-policy": POLICY.format(sources=sources),
            "cache-control": EACH_TIME,
            "etag": self._tag,
        }
        if request.headers.get("if-none-match", "").removeprefix("W/") == self._tag:
            return Response(status_code=304, headers=headers)
        return Response(self._document, media_type=TYPES[".html"], headers=headers)

    async def asset(self, request: Request) -> Response:
        """`GET /page/{digest}/{name}`."""
        name = request.path_params["name"]
        if (content := self._files.get(name)) is None:
            raise HTTPException(404)
        # While a deployment replaces tasks, a document of the one version may ask a task of the other for its files.
        current = request.path_params["digest"] == self._digest
        headers = HEADERS | {"cache-control": FOR_EVER if current else EACH_TIME}
        return Response(content, media_type=TYPES[Path(name).suffix], headers=headers)


def _facts(settings: Settings, *, jobs: bool, batch: bool) -> str:
    """The facts about the service that the page needs before its first request, as JSON."""
    return json.dumps(
        {
            "version": __version__,
            "bytes": settings.max_upload_bytes,
            "seconds": settings.max_audio_seconds,
            "jobs": {"bytes": settings.worker_max_upload_bytes, "seconds": settings.worker_max_audio_seconds}
            if jobs
            else None,
            "batch": batch,
            "languages": sorted(settings.spoken_languages or LANGUAGES),
        }
    )
