"""Logs and metrics, as CloudWatch reads them from standard output."""

import asyncio
import json
import logging
import time
from io import StringIO

import pytest

from service.contract import METRIC_DIMENSIONS, METRIC_NAMESPACE, OUTCOME_DIMENSION, CheckMetric, Gauge
from service.errors import AwsDenied, AwsUnavailable, Busy, DeadlineExceeded, DiskFull, Draining, EmptyFile, RetryLater
from service.telemetry import CHECK_UNITS, GAUGE_UNITS, OUTCOMES, UNITS, JsonFormatter, Measures, Meter, SharedClock


def measured(**measures: float) -> dict[str, object]:
    """The line that a call with these measures writes."""
    stream = StringIO()
    with Meter(environment="dev", service="api", dollars_per_hour=3.6, stream=stream).call() as call:
        for name, value in measures.items():
            setattr(call, name, value)
    line: dict[str, object] = json.loads(stream.getvalue())
    return line


def test_metrics_are_embedded_with_units_and_dimensions() -> None:
    """CloudWatch finds a value in the line for each metric and dimension that the directives name."""
    line = measured(queue_wait=0.5, processing=10.0, audio=100.0)
    directives = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert {directive["Namespace"] for directive in directives} == {METRIC_NAMESPACE}
    named = {metric["Name"]: metric["Unit"] for directive in directives for metric in directive["Metrics"]}
    assert named == UNITS
    assert set(named) | {*METRIC_DIMENSIONS, OUTCOME_DIMENSION} <= set(line)
    assert [directive["Dimensions"] for directive in directives] == [
        [[*METRIC_DIMENSIONS]],
        [[*METRIC_DIMENSIONS, OUTCOME_DIMENSION]],
    ]


def test_check_is_measured_with_the_same_dimensions() -> None:
    """A scheduled check has no outcome, but values with units of their own."""
    stream = StringIO()
    Meter(environment="dev", service="canary", stream=stream).check(
        {CheckMetric.PASSED: 1, CheckMetric.SECONDS: 412.3456}
    )
    line = json.loads(stream.getvalue())
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [[*METRIC_DIMENSIONS]]
    assert directive["Metrics"] == [
        {"Name": "CanaryPassed", "Unit": "Count"},
        {"Name": "CanarySeconds", "Unit": "Seconds"},
    ]
    assert [line[name] for name in (*METRIC_DIMENSIONS, "CanaryPassed", "CanarySeconds")] == [
        "dev",
        "canary",
        1,
        412.346,
    ]
    assert set(CHECK_UNITS) == {*CheckMetric}


def test_gauge_of_several_values_is_a_list() -> None:
    """CloudWatch counts each value of the list, so that its average is that of all messages, not of all workers."""
    stream = StringIO()
    meter = Meter(environment="dev", service="worker", stream=stream)
    meter.gauge({Gauge.CALL_SECONDS: [360.0], Gauge.REST_SECONDS: [10.12345, 0.0]})
    line = json.loads(stream.getvalue())
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [[*METRIC_DIMENSIONS]]
    assert [metric["Name"] for metric in directive["Metrics"]] == ["CallSeconds", "RestSeconds"]
    assert (line["CallSeconds"], line["RestSeconds"]) == ([360.0], [10.123, 0.0])
    assert set(GAUGE_UNITS) == {*Gauge}


def test_lines_of_several_threads_stay_apart() -> None:
    """Each is written at once, with its end: CloudWatch reads no line that another one runs into."""

    class Writes(StringIO):
        pieces: list[str] = []  # noqa: RUF012 -- of one test

        def write(self, text: str) -> int:
            self.pieces.append(text)
            return super().write(text)

    stream = Writes()
    Meter(environment="dev", service="worker", stream=stream).gauge({Gauge.PACE: [1.0]})
    assert [piece[-1] for piece in stream.pieces] == ["\n"]


def test_factor_and_cost_follow_from_processing() -> None:
    """Ten seconds of processing for a hundred of audio: a tenth of real time, and ten seconds of the task's price."""
    line = measured(processing=10.0, audio=100.0)
    assert line["RealTimeFactor"] == pytest.approx(0.1)
    assert line["Cost"] == pytest.approx(0.01)


def test_unknown_measures_are_left_out() -> None:
    """A refused call has no audio; a zero would drag averages down."""
    assert not {"AudioSeconds", "RealTimeFactor", "Cost", "QueueWait"} & set(measured())


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (EmptyFile(), "refused"),
        (Busy(retry_after_seconds=1), "busy"),
        (Draining(), "busy"),
        (AwsUnavailable(resource="recording", reason="SlowDown"), "storage_fault"),
        (AwsDenied(resource="results", reason="AccessDenied"), "storage_fault"),
        (DiskFull(purpose="download"), "disk_full"),
        (DeadlineExceeded(), "deadline"),
        (KeyError("x"), "failed"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
def test_exception_decides_the_outcome(error: BaseException, outcome: str) -> None:
    """The dashboard tells requests at fault, full slots, storage, disk, deadline and defects apart."""
    stream = StringIO()
    with pytest.raises(type(error)), Meter(environment="dev", service="api", stream=stream).call():
        raise error
    assert json.loads(stream.getvalue())[OUTCOME_DIMENSION] == outcome


def test_every_transient_fault_has_an_outcome_of_its_own() -> None:
    """A fault that is added later must not count as a defect of the service."""
    assert set(RetryLater.__subclasses__()) <= set(OUTCOMES)


def test_shared_clock_charges_no_more_than_the_time_that_passed() -> None:
    """Two calls at once are charged half the time each, so that the cost does not double."""
    clock, first, second = SharedClock(), Measures(), Measures()
    started = time.monotonic()
    with clock.running(first), clock.running(second):
        time.sleep(0.05)
    passed = time.monotonic() - started
    assert first.processing is not None
    assert second.processing is not None
    assert 0.02 < second.processing < 0.9 * passed
    assert first.processing + second.processing == pytest.approx(passed, rel=0.1)


def test_log_line_is_json_with_its_facts() -> None:
    """It has the time, the level, the message, the facts, and the exception if there is one."""
    error = KeyError("x")
    record = logging.getLogger("service").makeRecord(
        "service", logging.INFO, "", 0, "hello", (), (KeyError, error, None), extra={"facts": {"status": 200}}
    )
    line = json.loads(JsonFormatter().format(record))
    assert line.items() >= {"level": "info", "message": "hello", "status": 200}.items()
    assert "KeyError" in line["exception"]
