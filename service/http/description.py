"""The description of the API: `openapi.yaml` as JSON, and Swagger UI to read and try it, without the internet."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import yaml
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

DESCRIPTION_PATH, DOCS_PATH = "/openapi.json", "/docs"
SOURCE = Path(__file__).with_name("openapi.yaml")
# The package is never imported: it would ask for Django, and only its files are needed.
PACKAGE, FOLDER = "drf-spectacular-sidecar", "drf_spectacular_sidecar/static/drf_spectacular_sidecar/swagger-ui-dist"
ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
PATHS = {DESCRIPTION_PATH, DOCS_PATH, *(f"{DOCS_PATH}/{name}" for name in ASSETS)}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>whisper-fargate</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<div id="description"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({url: "openapi.json", dom_id: "#description"})</script>
</html>
"""


def description() -> Any:
    """The description as plain JSON types."""
    return yaml.safe_load(SOURCE.read_text())


_DESCRIPTION = description()
_FOLDER = Path(str(distribution(PACKAGE).locate_file(FOLDER)))


async def described(_: Request) -> Response:
    """`GET /openapi.json`."""
    return JSONResponse(_DESCRIPTION)


async def docs(_: Request) -> Response:
    """`GET /docs`."""
    return HTMLResponse(PAGE)


async def asset(request: Request) -> Response:
    """`GET /docs/{name}`: a file of Swagger UI."""
    if (name := request.path_params["name"]) not in ASSETS:
        raise HTTPException(404)
    return FileResponse(_FOLDER / name)


ROUTES = (Route(DESCRIPTION_PATH, described), Route(DOCS_PATH, docs), Route(f"{DOCS_PATH}/{{name}}", asset))
