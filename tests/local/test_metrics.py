"""What workers write to their logs, as the local cloud's scaling sees it."""

import json
from io import StringIO
from pathlib import Path

from local.metrics import Told
from local.scaling import GAUGES
from service.contract import Gauge
from service.telemetry import Meter

CALL, REST, PACE = (GAUGES[gauge] for gauge in Gauge)


def report(log: Path, **values: float | list[float]) -> None:
    """Let the service's own meter write a report to a worker's log."""
    stream = StringIO()
    named = {Gauge[name.upper()]: value if isinstance(value, list) else [value] for name, value in values.items()}
    Meter(environment="local", service="worker", stream=stream).gauge(named)
    with log.open("a") as file:
        file.write(json.dumps({"message": "received"}) + "\n" + stream.getvalue())


def test_values_of_all_workers_count_alike(tmp_path: Path) -> None:
    """The average is over messages, not over workers; times are stretched as the minutes are compressed."""
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    report(one, call_seconds=10.0, rest_seconds=[2.0, 4.0], pace=8.0)
    report(two, call_seconds=20.0, rest_seconds=[9.0], pace=6.0)
    assert Told().averages([one, two], scale=60) == {CALL: 15 * 60, REST: 5 * 60, PACE: 7}


def test_last_report_of_a_worker_stands_until_its_next_one(tmp_path: Path) -> None:
    """A worker that has ended counts no more, and without any nothing is known."""
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    told = Told()
    report(one, call_seconds=10.0)
    report(two, call_seconds=30.0)
    assert told.averages([one, two])[CALL] == 20
    report(one, call_seconds=12.0)
    assert told.averages([one, two])[CALL] == 21
    assert told.averages([one])[CALL] == 12
    assert told.averages([]) == {CALL: None, REST: None, PACE: None}


def test_line_that_is_not_complete_is_read_later(tmp_path: Path) -> None:
    """A worker may be writing it."""
    log = tmp_path / "one.log"
    report(log, call_seconds=10.0)
    text, told = log.read_text(), Told()
    log.write_text(text[:-10])
    assert told.averages([log])[CALL] is None
    log.write_text(text)
    assert told.averages([log])[CALL] == 10
