"""The description: it is served with a page to read it, has every route, and holds against whatever may be sent."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from demo.server import ROOT, running_server
from service.http.description import ASSETS, DESCRIPTION_PATH, DOCS_PATH, description
from tests import standin
from tests.service.http.fakes import SETTINGS, FakeEngine, application, error

HOOKS = "tests.service.http.openai.recordings"
# Each is a promise of the description; how wrong requests are refused is tested with values that mean something.
CHECKS = (
from service.http.page import is_open
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method"
)


def test_description_is_served_without_a_key(engine: FakeEngine) -> None:
    """A browser has none; the page has a place for it."""
    client = TestClient(application(engine, settings=replace(SETTINGS, api_keys="0123456789abcdef")))
    assert client.get(DESCRIPTION_PATH).json() == description()
    assert client.get(DOCS_PATH).status_code == 200
    assert client.get("/v1/models").status_code == 401


def test_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    """Its scripts and styles are the service's own."""
    page = client.get(DOCS_PATH)
    assert page.headers["content-type"].startswith("text/html")
    assert "://" not in page.text
    referred = re.findall(r'(?:href|src)="docs/([^"]+)"', page.text)
    assert sorted(referred) == sorted(ASSETS)
    for name in referred:
        assert len(client.get(f"{DOCS_PATH}/{name}").content) > 500


@pytest.mark.parametrize("name", ["redoc.standalone.js", "LICENSE", "..%2F..%2Fapps.py", ""])
def test_no_other_file_is_served(client: TestClient, name: str) -> None:
    """Of the package that holds them."""
    response = client.get(f"{DOCS_PATH}/{name}")
    assert (response.status_code, error(response)["code"]) == (404, "not_found")


def test_every_route_is_described(engine: FakeEngine) -> None:
    """With its methods, and no route that is not there."""
    routes = {
        (route.path, method.lower())
        for route in application(engine).routes
        if isinstance(route, Route)
        and not route.path.startswith((DOCS_PATH, DESCRIPTION_PATH))
        and not is_open(route.path)
        for method in (route.methods or set()) - {"HEAD"}
    }
    described = {(path, method) for path, methods in description()["paths"].items() for method in methods}
    assert described == routes


def test_nothing_that_is_sent_breaks_the_promises(tmp_path: Path) -> None:
    """Schemathesis sends what the description allows and what it does not: no 5xx, and no answer beside it."""
    with running_server(model=str(standin.MODEL), WHISPER_REQUESTS_PER_MINUTE="100000") as server:
        done = subprocess.run(
            [
                *(Path(sys.executable).with_name("schemathesis"), "run", f"{server.url}{DESCRIPTION_PATH}"),
                *("--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "10"),
                *("--seed", "1", "--no-color"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": HOOKS},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
    assert done.returncode == 0, done.stdout + done.stderr
