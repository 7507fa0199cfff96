"""Limits of addresses and callers, behind load balancers and without."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from service.errors import RateExceeded
from service.http import limits
from service.http.limits import Rates, address_of
from tests.service.clock import Clock
from tests.service.http.fakes import AUDIO, SETTINGS, FakeEngine, application, error


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the limits."""
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


def test_caller_above_its_rate_is_told_when_the_next_request_is_due(clock: Clock) -> None:
    """Thirty a minute: after a burst of thirty, one every two seconds."""
    rates = Rates()
    for _ in range(30):
        rates.take("crm", per_minute=30)
    with pytest.raises(RateExceeded) as refusal:
        rates.take("crm", per_minute=30)
    assert refusal.value.retry_after_seconds == 2
    rates.take("other", per_minute=30)
    clock.now += 2
    rates.take("crm", per_minute=30)
    with pytest.raises(RateExceeded):
        rates.take("crm", per_minute=30)


def test_rates_of_callers_that_have_gone_are_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded, however many addresses there are."""
    monkeypatch.setattr(limits, "MAX_RATES", 10)
    rates = Rates()
    for number in range(100):
        rates.take(f"address {number}", per_minute=30)
        clock.now += 10
    assert len(rates._buckets) <= 11


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ([], 0, "10.0.0.9"),
        ([b"1.2.3.4"], 0, "10.0.0.9"),
        ([b"1.2.3.4"], 1, "1.2.3.4"),
        ([b"9.9.9.9, 1.2.3.4"], 1, "1.2.3.4"),
        ([b"9.9.9.9", b"1.2.3.4"], 1, "1.2.3.4"),
        ([b"9.9.9.9, 1.2.3.4, 10.0.0.1"], 2, "1.2.3.4"),
        ([], 1, "10.0.0.9"),
        ([b""], 1, "10.0.0.9"),
        ([b"1.2.3.4"], 2, "10.0.0.9"),
    ],
)
def test_address_behind_load_balancers_is_the_one_that_they_saw(
    forwarded: list[bytes], proxies: int, address: str
) -> None:
    """Anything that a caller wrote into the header itself comes before, and counts for nothing."""
    scope = {
        "type": "http",
        "client": ("10.0.0.9", 1),
        "headers": [(b"x-forwarded-for", value) for value in forwarded],
    }
    assert address_of(scope, proxies=proxies) == address


def test_service_answers_429_above_the_rate_of_an_address(engine: FakeEngine) -> None:
    """With the time to come again; health checks are never refused."""
    client = TestClient(application(engine, settings=replace(SETTINGS, requests_per_minute=2, proxies=1)))
    headers = {"x-forwarded-for": "1.2.3.4"}
    assert [client.post("/transcribe", files=AUDIO, headers=headers).status_code for _ in range(2)] == [200, 200]
    response = client.post("/transcribe", files=AUDIO, headers=headers)
    assert (response.status_code, error(response)["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(response.headers["retry-after"]) <= 30
    assert client.post("/transcribe", files=AUDIO, headers={"x-forwarded-for": "1.2.3.5"}).status_code == 200
    assert {client.get(path).status_code for path in ("/healthz", "/readyz") for _ in range(5)} == {200}


def test_head_above_the_limit_is_refused(engine: FakeEngine) -> None:
    """Also if the server's parser lets it pass, as it does with one that arrives at once."""
    response = TestClient(application(engine)).get("/v1/models", headers={"x-large": "x" * 17_000})
    assert (response.status_code, error(response)["code"]) == (400, "bad_head")
