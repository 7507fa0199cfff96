"""The page's files: served without a key, guarded by headers, cached for ever by their digest."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.http import page
from service.settings import LANGUAGES, Settings
from tests.service.http.fakes import SETTINGS, FakeEngine, application

FOLDER = Path(page.__file__).parent
REFERENCE = re.compile(r'(?:href|src)="(page/[^"]+)"')
IMPORT = re.compile(r'^(?:import|export) [^;]*?"(\.[^"]+)";', re.MULTILINE)
# Each would make markup or a script of a text.
SINKS = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setHTML|srcdoc|javascript:)"
)


def client_of(settings: Settings = SETTINGS) -> TestClient:
    """A client of the application with these settings."""
    return TestClient(application(FakeEngine(), settings=settings), raise_server_exceptions=False)


def facts_of(client: TestClient) -> dict[str, object]:
    """The facts about the service that come with the document."""
    found = re.search(r'<meta name="service" content="([^"]+)">', client.get("/").text)
    assert found
    facts: dict[str, object] = json.loads(unescape(found[1]))
    return facts


def test_page_needs_no_key_but_its_requests_do() -> None:
    """A browser asks for the document before anyone can enter a key."""
    client = client_of(replace(SETTINGS, api_keys="0123456789abcdef"))
    document = client.get("/")
    assert (document.status_code, document.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for name in REFERENCE.findall(document.text):
        assert client.get(f"/{name}").status_code == 200, name
    assert client.get("/v1/models").status_code == 401
    assert client.get("/batch").status_code == 401


def test_document_and_files_are_guarded() -> None:
    """No script but its own, in no frame, of no guessed type, with no cookie, and with nothing told to others."""
    client = client_of()
    document = client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in document.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert (policy["img-src"], policy["media-src"]) == ("'self'", "blob:")
    assert (policy["trusted-types"], policy["require-trusted-types-for"]) == ("'none'", "'script'")
    asset = client.get("/" + REFERENCE.findall(document.text)[0])
    for answer in (document, asset):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "microphone=(self)" in answer.headers["permissions-policy"]
        assert "set-cookie" not in answer.headers


def test_document_has_no_inline_script_and_nothing_from_elsewhere() -> None:
    """The policy would refuse both."""
    document = client_of().get("/").text
    assert re.findall(r"<script(?![^>]*\bsrc=)", document) == []
    assert re.findall(r"\bon\w+=|\bstyle=|https?://", document) == []


def test_unchanged_document_is_not_sent_again() -> None:
    """A browser asks each time, so that a new release is seen at once."""
    client = client_of()
    tag = client.get("/").headers["etag"]
    again = client.get("/", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/").headers["cache-control"] == "no-cache"


def test_files_are_cached_by_their_digest_only() -> None:
    """While a deployment replaces tasks, a file of the other release must not stay in a cache."""
    client = client_of()
    name = REFERENCE.findall(client.get("/").text)[0]
    assert "immutable" in client.get(f"/{name}").headers["cache-control"]
    other = re.sub("page/[0-9a-f]+/", "page/0000000000000000/", name)
    assert (client.get(f"/{other}").status_code, client.get(f"/{other}").headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("name", ["__init__.py", "../app.py", "..%2Fapp.py", "index.html", "nothing.js", ""])
def test_no_other_file_is_served(name: str) -> None:
    """Neither the code beside the files nor the document without its facts."""
    assert client_of().get(f"/page/0000000000000000/{name}").status_code == 404


def test_page_can_be_switched_off() -> None:
    """A service that only machines call has no page."""
    client = client_of(replace(SETTINGS, page=False))
    assert client.get("/").status_code == 404
    assert client.get("/page/0000000000000000/page.js").status_code == 404
    assert client.get("/docs").status_code == 200


def test_document_tells_the_limits() -> None:
    """The page refuses a recording that is too large before it is on its way."""
    facts = facts_of(client_of())
    assert (facts["bytes"], facts["seconds"]) == (SETTINGS.max_upload_bytes, SETTINGS.max_audio_seconds)
    assert (facts["jobs"], facts["batch"]) == (None, False)
    assert facts["languages"] == sorted(LANGUAGES)
    assert facts_of(client_of(replace(SETTINGS, languages="fr,en")))["languages"] == ["en", "fr"]


def test_every_import_is_a_file_of_the_page() -> None:
    """The page loads nothing that is not there, and no module is left over."""
    modules = {path: IMPORT.findall(path.read_text()) for path in FOLDER.rglob("*.js")}
    imported = {(path.parent / name).resolve() for path, names in modules.items() for name in names}
    assert all(path.is_file() for path in imported)
    assert set(modules) - imported == {FOLDER / "page.js"}


def test_no_module_makes_markup_of_texts() -> None:
    """Texts become text nodes and attributes; the policy would refuse anything else in Chromium only."""
    for path in FOLDER.rglob("*.js"):
        assert SINKS.findall(path.read_text()) == [], path


def test_no_module_of_the_page_is_long() -> None:
    """Each is read in one sitting."""
    for path in FOLDER.rglob("*.js"):
        assert path.parent.name == "texts" or len(path.read_text().splitlines()) <= 400, path
