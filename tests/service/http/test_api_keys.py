"""The API-key check."""

import json
import logging
from dataclasses import replace

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.service.http.fakes import AUDIO, SETTINGS, FakeEngine, application, error

KEYS = ("0123456789abcdef", "fedcba9876543210")


@pytest.fixture
def guarded(engine: FakeEngine) -> TestClient:
    """A client of an application with two keys."""
    return TestClient(application(engine, settings=replace(SETTINGS, api_keys=",".join(KEYS))))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("header", "form"), [("authorization", "Bearer {}"), ("x-api-key", "{}")])
def test_request_with_a_valid_key_is_accepted(guarded: TestClient, header: str, form: str, key: str) -> None:
    """Any of the keys, as a bearer token (the OpenAI SDK sends it so) or as `x-api-key`."""
    assert guarded.post("/transcribe", files=AUDIO, headers={header: form.format(key)}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": KEYS[0]},
        {"authorization": f"Basic {KEYS[0]}"},
        {"authorization": f"Bearer {KEYS[0][:-1]}"},
        {"x-api-key": ",".join(KEYS)},
        {"x-api-key": "\xe9" * 16},
    ],
    ids=["none", "empty", "no-scheme", "other-scheme", "cut", "all-at-once", "not-ascii"],
)
def test_request_without_a_valid_key_is_rejected(
    guarded: TestClient, engine: FakeEngine, headers: dict[str, str]
) -> None:
    """401 in the usual envelope, before the recording is read; the error tells how to send a key, and contains none."""
    response = guarded.post("/transcribe", files=AUDIO, headers=httpx2.Headers(headers, encoding="latin-1"))
    assert (response.status_code, error(response)["code"]) == (401, "invalid_api_key")
    assert response.headers["www-authenticate"] == "Bearer"
    assert "x-request-id" in response.headers
    assert "x-api-key" in error(response)["message"]
    assert not any(key in response.text for key in KEYS)
    assert engine.threads == []


def test_only_the_health_checks_need_no_key(guarded: TestClient) -> None:
    """The load balancer has no key; any other path, even an unknown one, needs one."""
    assert [guarded.get(path).status_code for path in ("/healthz", "/readyz", "/nowhere")] == [200, 200, 401]


def test_key_is_never_logged(guarded: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a valid key nor a wrong one."""
    with caplog.at_level(logging.DEBUG, "service"):
        guarded.post("/transcribe", files=AUDIO, headers={"x-api-key": KEYS[0]})
        guarded.post("/transcribe", files=AUDIO, headers={"x-api-key": "wrong-0123456789"})
    logged = json.dumps([vars(record) for record in caplog.records], default=str)
    assert "401" in logged
    assert KEYS[0] not in logged
    assert "wrong-0123456789" not in logged
