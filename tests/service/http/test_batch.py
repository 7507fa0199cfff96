"""The state of the batch: counts, estimates that say so, names for whom they are, and lists with a limit."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator

from service.access import Caller, Scope
from service.aws import s3, sqs
from service.http import batch_desk
from service.http.app import create_app
from service.http.batch_desk import BatchDesk
from service.http.description import description
from service.settings import Settings
from service.telemetry import Meter
from tests.service.cloud import Cloud
from tests.service.http.batches import TRANSCRIPT, Messages, Store, failure, run
from tests.service.http.fakes import RECORDING, SETTINGS, FakeEngine
from tests.service.http.real_server import served

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
READER = Caller(scopes=frozenset({Scope.BATCH}))


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


def desk(store: Store, messages: Messages, *, clock: Clock | None = None, **settings: Any) -> BatchDesk:
    """The state of a store and a queue."""
    return BatchDesk(queue=messages, transcripts=store, settings=Settings(**settings), clock=clock or Clock())


def test_batch_is_counted_as_the_operators_command_counts_it() -> None:
    """One transcript counts once; renderings, pointers and golden calls do not."""
    store = Store()
    for name in ("a", "b", "c"):
        store.put(f"transcripts/{name}.wav/1.json")
        store.put(f"transcripts/{name}.wav/1.vtt")
        store.put(f"transcripts/{name}.wav/latest.json")
    store.put("partial/b.wav/1.json")
    store.put("unheard/c.wav/1.json")
    store.put("transcripts/whisper-canary/x.wav/1.json")
    store.put("failed/d.wav/1.json", failure("damaged"))
    store.put("running/e.wav/1.json", run(0.5), minutes_ago=0)
    store.put("running/f.wav/1.json", run(0.1), minutes_ago=6000)
    state = desk(store, Messages(waiting=4, in_flight=2, dead=1)).look(READER)
    counted = ("waiting", "in_flight", "dead_letters", "running", "stale", "done", "partial", "unheard", "failed")
    assert [state[name] for name in counted] == [4, 2, 1, 2, 1, 1, 1, 1, 1]
    assert state["complete"] is True


def test_backlog_and_cost_derive_from_the_mean_of_the_transcripts() -> None:
    """The queue does not tell how long its recordings are."""
    store = Store()
    store.put("transcripts/a.wav/1.json", {"transcript": {"duration": 100.0}, "provenance": {"cost_dollars": 0.001}})
    store.put("transcripts/b.wav/1.json", {"transcript": {"duration": 300.0}, "provenance": {"cost_dollars": 0.003}})
    store.put("running/c.wav/1.json", run(0.5), minutes_ago=0)
    state = desk(store, Messages(waiting=9, in_flight=1)).look(READER)
    assert state["sampled"] == 2
    assert state["estimated_backlog_seconds"] == 200 * 9.5
    assert state["estimated_cost_dollars"] == 0.004


def test_unknown_figures_are_left_out() -> None:
    """Without transcripts, results and a window, nothing is made up."""
    state = desk(Store(), Messages(waiting=5)).look(READER)
    assert not {name for name in state if name.startswith("estimated")}
    assert (state["ended_in_last_hour"], "due" in state) == (0, False)


def test_end_is_projected_from_the_last_hour_and_due_from_the_oldest_recording_in_work() -> None:
    """Ten results in fifty minutes, and twenty recordings are left."""
    store = Store()
    for number in range(10):
        store.put(f"transcripts/{number}.wav/1.json", minutes_ago=5 * (number + 1))
    store.put("transcripts/old.wav/1.json", minutes_ago=600)
    store.put("running/x.wav/1.json", run(0.0, arrived="2026-01-30T20:00:00Z"), minutes_ago=0)
    store.put("running/y.wav/1.json", run(0.0, arrived="2026-01-30T21:00:00Z"), minutes_ago=0)
    state = desk(store, Messages(waiting=18, in_flight=2), batch_window_hours=60.0).look(READER)
    assert state["ended_in_last_hour"] == 10
    left = datetime.fromisoformat(state["estimated_finish"]) - datetime.fromisoformat(state["at"])
    assert abs(left - timedelta(minutes=100)) < timedelta(seconds=5)
    assert state["due"] == "2026-02-02T08:00:00+00:00"


def test_names_come_for_callers_that_may_read_jobs_only() -> None:
    """A key of a recording may hold a caller's number."""
    store = Store()
    store.put("failed/sales/+33123456789.wav/1.json", failure("damaged"))
    store.put("running/support/2.wav/1.json", run(0.25), minutes_ago=0)
    batch = desk(store, Messages())
    state = batch.look(READER)
    assert "+33123456789" not in json.dumps(state)
    assert (state["failures"][0]["message"], state["running_now"][0]["share"]) == ("damaged", 0.25)
    everyone = batch.look(Caller())
    assert everyone["failures"][0]["recording"] == "sales/+33123456789.wav"
    some = batch.look(Caller(prefixes=("support/",)))
    assert [entry.get("recording") for entry in (*some["failures"], *some["running_now"])] == [None, "support/2.wav"]


def test_one_answer_serves_everyone_for_a_minute() -> None:
    """Listing costs money, and a page that stays open asks again and again."""
    store, clock = Store(), Clock()
    store.put("transcripts/a.wav/1.json")
    batch = desk(store, Messages(), clock=clock)
    first = batch.look(READER)
    requests = store.listed, store.reads
    clock.now += batch_desk.FRESH_SECONDS - 1
    store.put("transcripts/b.wav/1.json")
    assert batch.look(Caller()) == first
    assert (store.listed, store.reads) == requests
    clock.now += 2
    assert batch.look(READER)["done"] == 2


def test_a_list_has_a_limit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Years of results must not make a page list for minutes: then the counts are the least, and no pace is told."""
    monkeypatch.setattr(batch_desk, "MAX_KEYS", 5)
    store = Store()
    for number in range(9):
        store.put(f"transcripts/{number}.wav/1.json")
    state = desk(store, Messages(waiting=1)).look(READER)
    assert (state["done"], state["complete"]) == (5, False)
    assert not {"ended_in_last_hour", "estimated_finish"} & set(state)


def test_a_sample_is_read_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A week's transcripts are never all read; each is read once."""
    store, clock = Store(), Clock()
    for number in range(100):
        store.put(f"transcripts/{number:03}.wav/1.json")
    batch = desk(store, Messages(), clock=clock)
    sampled = []
    for _ in range(5):
        sampled.append(batch.look(READER)["sampled"])
        clock.now += batch_desk.FRESH_SECONDS
    assert sampled == [25, 50, 75, 100, 100]
    assert store.reads == 100
    monkeypatch.setattr(batch_desk, "REMEMBERED", 50)
    store.documents.clear()
    assert batch.look(READER)["sampled"] == 0


def test_newest_failures_come_first_and_are_few() -> None:
    """Their documents are read once."""
    store, clock = Store(), Clock()
    for number in range(60):
        store.put(f"failed/{number:02}.wav/1.json", failure(f"number {number}"), minutes_ago=60 - number)
    batch = desk(store, Messages(), clock=clock)
    found = batch.look(READER)["failures"]
    assert [entry["message"] for entry in found[:2]] == ["number 59", "number 58"]
    assert (len(found), store.reads) == (batch_desk.MAX_SHOWN, batch_desk.MAX_SHOWN)
    clock.now += batch_desk.FRESH_SECONDS
    assert batch.look(READER)["failures"] == found
    assert store.reads == batch_desk.MAX_SHOWN


@pytest.mark.usefixtures("aws_environment")
def test_batch_over_http_holds_to_its_description_and_its_scope(cloud: Cloud) -> None:
    """With a real queue and a real bucket; a key without the scope is refused."""
    cloud.upload("a.wav")
    cloud.put("transcripts/b.wav/1.json", json.dumps(TRANSCRIPT).encode())
    cloud.put("failed/c.wav/1.json", json.dumps(failure("damaged")).encode())
    cloud.put("running/d.wav/1.json", json.dumps(run(0.0)).encode())
    keys = {"looker": {"key": "looker-0123456789abcdef", "scopes": ["batch"]}}
    keys["caller"] = {"key": "caller-0123456789abcdef", "scopes": ["transcribe", "jobs"]}
    settings = replace(SETTINGS, api_keys=json.dumps(keys), batch_window_hours=12.0)
    app = create_app(
        engine=FakeEngine(),
        decode=lambda _, name="": RECORDING,  # noqa: ARG005 - as the protocol says
        meter=Meter(environment="test", service="api"),
        settings=settings,
        batch=BatchDesk(queue=sqs.Queue(cloud.queue), transcripts=s3.Bucket(cloud.transcripts), settings=settings),
    )
    with served(app, settings) as url:
        answer = httpx2.get(f"{url}/batch", headers={"x-api-key": "looker-0123456789abcdef"}, timeout=30)
        refused = httpx2.get(f"{url}/batch", headers={"x-api-key": "caller-0123456789abcdef"}, timeout=30)
    state = answer.json()
    Draft202012Validator(description()["components"]["schemas"]["Batch"]).validate(state)
    assert [state[name] for name in ("waiting", "done", "failed", "running")] == [1, 1, 1, 1]
    assert state["estimated_backlog_seconds"] == 300.0
    assert (answer.headers["cache-control"], refused.status_code) == ("no-store", 403)
    assert refused.json()["error"]["expected"] == "a key with the scope batch"
