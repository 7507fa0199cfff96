"""The API-key check."""

import asyncio
import json
import logging
import socket
from dataclasses import replace
from io import StringIO

import httpx2
import pytest
from starlette.testclient import TestClient

from service.access import read_keys
from service.errors import AwsUnavailable
from service.http import api_keys
from service.http.api_keys import KeyRing
from service.http.server import Server, server_config
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


NAMED = {
    "crm": KEYS[0],
    "grafana": {"key": KEYS[1], "scopes": ["metrics"]},
    "batch": {"key": ["old-0123456789abcdef", "new-0123456789abcdef"], "requests_per_minute": 2},
}


def named(engine: FakeEngine, metrics: StringIO | None = None) -> TestClient:
    """A client of an application whose callers have names."""
    settings = replace(SETTINGS, api_keys=json.dumps(NAMED))
    return TestClient(application(engine, settings=settings, metrics=metrics))


def bearer(key: str) -> dict[str, str]:
    """The header with a key."""
    return {"authorization": f"Bearer {key}"}


def test_key_is_valid_for_its_scopes_only(engine: FakeEngine) -> None:
    """One that reads metrics does not transcribe; the error names the scope that it lacks."""
    client = named(engine)
    assert client.get("/metrics", headers=bearer(KEYS[1])).status_code == 200
    response = client.post("/transcribe", files=AUDIO, headers=bearer(KEYS[1]))
    assert (response.status_code, error(response)["code"]) == (403, "insufficient_scope")
    assert "transcribe" in error(response)["expected"]
    assert engine.threads == []
    assert client.get("/metrics").status_code == 401


def test_key_has_its_own_rate(engine: FakeEngine) -> None:
    """Both of a caller's keys count together, and no other caller's."""
    client = named(engine)
    old, new = (bearer(key) for key in NAMED["batch"]["key"])  # type: ignore[index]
    statuses = [client.post("/transcribe", files=AUDIO, headers=headers).status_code for headers in (old, new, old)]
    assert statuses == [200, 200, 429]
    assert client.post("/transcribe", files=AUDIO, headers=bearer(KEYS[0])).status_code == 200


def test_logs_and_metrics_name_a_key_and_never_show_it(engine: FakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """An operator sees whose request it was."""
    metrics = StringIO()
    client = named(engine, metrics)
    client.post("/transcribe", files=AUDIO, headers=bearer(KEYS[0]))
    text = client.get("/metrics", headers=bearer(KEYS[1])).text
    assert json.loads(metrics.getvalue())["caller"] == "crm"
    assert 'caller="crm"' in text
    assert not any(key in text + metrics.getvalue() + caplog.text for key in KEYS)


def refreshed(ring: KeyRing, seconds: float = 0.1) -> None:
    """Let the ring read its secret, for some time again and again."""

    async def scenario() -> None:
        task = asyncio.create_task(ring.stay_fresh())
        await asyncio.sleep(seconds)
        task.cancel()

    asyncio.run(scenario())


def test_new_keys_are_valid_and_old_ones_are_not_without_a_restart(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret is read again; requests that follow need the new key."""
    monkeypatch.setattr(api_keys, "REFRESH_SECONDS", 0.01)
    app = application(engine, settings=replace(SETTINGS, api_keys=KEYS[0]))
    client = TestClient(app)
    app.state.ring._read = lambda: KEYS[1]
    refreshed(app.state.ring)
    assert client.post("/transcribe", files=AUDIO, headers=bearer(KEYS[0])).status_code == 401
    assert client.post("/transcribe", files=AUDIO, headers=bearer(KEYS[1])).status_code == 200


def test_server_reads_its_keys_again(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as it runs, and as long."""
    monkeypatch.setattr(api_keys, "REFRESH_SECONDS", 0.01)
    settings = replace(SETTINGS, api_keys=KEYS[0])
    app, secret = application(engine, settings=settings), [KEYS[0]]
    app.state.ring._read = lambda: secret[0]

    async def scenario() -> list[int]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = Server(server_config(app, settings=settings), state=app.state, drain_seconds=1)
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            url, statuses = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/models", list[int]()
            async with httpx2.AsyncClient(headers=bearer(KEYS[1]), timeout=30) as client:
                while statuses[-1:] != [200]:
                    statuses.append((await client.get(url)).status_code)
                    secret[0] = KEYS[1]
            server.should_exit = True
            await serving
        return statuses

    statuses = asyncio.run(asyncio.wait_for(scenario(), 60))
    assert (statuses[0], statuses[-1]) == (401, 200)


@pytest.mark.parametrize("prefixes", [[], "calls/", [""], [1], {}, None])
def test_prefixes_that_limit_nothing_are_refused(prefixes: object) -> None:
    """An empty list or an empty text could be read as all or as none."""
    with pytest.raises(ValueError, match="prefixes"):
        read_keys(json.dumps({"crm": {"key": KEYS[0], "prefixes": prefixes}}))


@pytest.mark.parametrize("text", ["", " ", "short", "{", '{"crm": 1}', "[]"])
def test_wrong_secret_changes_nothing(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """An operator's mistake neither locks all callers out nor lets any in; the log says so, without the secret."""
    ring = KeyRing(read_keys(KEYS[0]), read=lambda: text)
    with caplog.at_level(logging.INFO, "service"):
        refreshed(ring)
    assert [key.secrets for key in ring.keys] == [(KEYS[0],)]
    assert "keys not read again" in caplog.text


def test_secret_that_cannot_be_read_for_a_while_is_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a fault of AWS nor a defect changes anything, and the reading goes on."""
    monkeypatch.setattr(api_keys, "REFRESH_SECONDS", 0.005)
    faults = iter([AwsUnavailable(resource="secret", reason="Throttling"), KeyError("SecretString")])

    def read() -> str:
        if fault := next(faults, None):
            raise fault
        return KEYS[1]

    ring = KeyRing(read_keys(KEYS[0]), read=read)
    refreshed(ring, 1)
    assert [key.secrets for key in ring.keys] == [(KEYS[1],)]
