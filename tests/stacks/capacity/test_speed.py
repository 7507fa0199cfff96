"""A model that was measured has its own speed: the usual hosts' for estimates, the slowest ones' for limits."""

import tomllib
from dataclasses import replace

import pytest

from stacks.capacity import InvalidEnvironment, Speed, plan
from stacks.capacity.speed import MEASURED
from tests.stacks.capacity.test_fleet import LIMITS, WEEK

MEASUREMENTS = [
    (model, processor, entry)
    for model, processors in tomllib.loads(MEASURED.read_text()).items()
    for processor, entry in processors.items()
]


@pytest.mark.parametrize(("model", "processor", "entry"), MEASUREMENTS)
def test_measured_model_has_its_speed_and_its_source(model: str, processor: str, entry: dict[str, object]) -> None:
    """Twice the vCPUs are twice as fast; date, machine and command are in the source."""
    small, large = (Speed.of(model, cpu=cpu, processor=processor) for cpu in (1024, 4096))
    kinds = entry["audio_seconds_per_vcpu_second"]
    assert isinstance(kinds, list)
    assert small.measured
    assert large.audio_seconds_per_second == 4 * small.audio_seconds_per_second
    assert small.limiting.audio_seconds_per_second == min(host["median"] for host in kinds)
    assert [host.kind for host in small.hosts] == [host["kind"] for host in kinds]
    assert all(str(entry[field]) in small.source for field in ("date", "machine", "command"))


@pytest.mark.parametrize(("model", "processor"), [("small", "X86_64"), ("base", "ARM64"), ("/models/own", "X86_64")])
def test_speed_without_a_measurement_is_an_assumption(model: str, processor: str) -> None:
    """It says so wherever it shows."""
    speed = Speed.of(model, cpu=2048, processor=processor)
    assert not speed.measured
    assert speed.limiting.audio_seconds_per_second == speed.audio_seconds_per_second


def test_slowest_hosts_decide_limits_and_the_usual_ones_the_estimate() -> None:
    """A task cannot choose its host, so the deadline is kept on the slowest; the bill follows the usual one."""
    even = Speed(audio_seconds_per_second=8.0, cpu=2048, source="a test", measured=True)
    mixed = replace(even, slowest=2.0)
    slow = replace(even, audio_seconds_per_second=2.0)
    plans = [plan(workload=WEEK, speed=speed, limits=LIMITS) for speed in (even, mixed, slow)]
    assert [found.task_hours for found in plans[:2]] == [plans[0].task_hours] * 2
    assert plans[1].batch_max_tasks == plans[2].batch_max_tasks > plans[0].batch_max_tasks
    assert plans[1].backlog_per_task == plans[2].backlog_per_task


@pytest.mark.parametrize("slowest", [0.0, 9.0])
def test_slowest_speed_is_no_faster_than_the_usual_one(slowest: float) -> None:
    """Swapped numbers are refused, with both named."""
    with pytest.raises(InvalidEnvironment, match=r"speed.slowest: got '\d.0', expected a number above 0, 8 at most"):
        Speed(audio_seconds_per_second=8.0, slowest=slowest, cpu=2048, source="a test", measured=True)
