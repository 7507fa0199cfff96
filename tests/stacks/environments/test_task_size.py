"""Size, lanes and limits of an environment follow from the profiles; a size that is given stays."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from service.settings import Settings
from service.task_profile import TaskProfile, conditions
from stacks.capacity import Speed
from stacks.capacity import profiles as committed
from stacks.capacity.hosts import shares
from stacks.environments import Environment, Processor, TaskSize, old_profiles
from stacks.environments.tasks import chosen
from tests.service.test_task_profile import PROFILE
from tests.stacks.factory import LIVE

BASE = replace(LIVE, size=None, settings=Settings(job_deadline_seconds=5400))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[TaskProfile]]:
    """Profiles in place of the committed ones, by which sizes are chosen anew."""
    found: list[TaskProfile] = []
    monkeypatch.setattr(committed, "profiles", lambda: tuple(found))
    yield found
    chosen.cache_clear()


def profiles(cpu: int, speed: float, *, lanes: int = 2) -> list[TaskProfile]:
    """Of each kind of x86 host, all alike."""
    settings = conditions(replace(BASE.settings, lanes=lanes))
    usual = replace(
        PROFILE, cpu=cpu, audio_seconds_per_second=speed, low=speed, high=speed, peak_memory_mib=1500, settings=settings
    )
    return [replace(usual, kind=kind) for kind in shares("X86_64")]


def with_profiles(measured: list[TaskProfile], *found: TaskProfile) -> Environment:
    """The environment, planned with these profiles."""
    measured[:] = found
    chosen.cache_clear()
    return replace(BASE)


def test_limits_follow_the_committed_profile(measured: list[TaskProfile]) -> None:
    """Tasks that are half as fast are about twice as many, without a change of the environment."""
    fast, slow = (with_profiles(measured, *profiles(2048, speed)).plan for speed in (16.0, 8.0))
    assert fast.speed.measured
    assert slow.batch_max_tasks == pytest.approx(2 * fast.batch_max_tasks, rel=0.15)
    assert slow.backlog_per_task == pytest.approx(fast.backlog_per_task / 2, rel=0.1)


def test_size_and_lanes_follow_the_committed_profile(measured: list[TaskProfile]) -> None:
    """The cheapest of the measured sizes, with the number of lanes that was the fastest on it."""
    found = with_profiles(
        measured, *profiles(2048, 16.0), *profiles(4096, 40.0), *profiles(4096, 44.0, lanes=4), *profiles(8192, 60.0)
    )
    assert (found.task_size.cpu, found.lanes) == (4096, 4)
    assert found.worker_settings(queue_url="", recordings_bucket="", transcripts_bucket="").lanes == 4
    given = replace(found, size=TaskSize(cpu=2048, memory_mib=5120))
    assert (given.task_size.cpu, given.task_size.memory_mib, given.lanes) == (2048, 5120, 2)


def test_given_speed_has_its_own_size() -> None:
    """A measurement of one's own is of one size: the tasks have it."""
    speed = Speed(audio_seconds_per_second=30, cpu=4096, source="a benchmark", measured=True)
    assert replace(BASE, speed=speed).task_size.cpu == 4096


def test_arm_is_assumed_until_it_is_measured() -> None:
    """It says so; the smallest size that ends the longest call in its deadline is taken."""
    arm = replace(BASE, processor=Processor.ARM64)
    assert not arm.plan.speed.measured
    assert not arm.choice.measured
    assert arm.task_size.cpu == 4096


def test_old_profile_is_named_with_its_age(measured: list[TaskProfile]) -> None:
    """Once for all environments that rest on it; one with a speed of its own rests on none."""
    found = with_profiles(measured, *profiles(2048, 16.0))
    later = date(2026, 11, 26) + timedelta(days=200)
    lines = old_profiles([found, replace(found, name="other")], today=later)
    assert len([line for line in lines if "got one of 200 days, expected 180 at most" in line]) == 4
    speed = Speed(audio_seconds_per_second=30, cpu=4096, source="a benchmark", measured=True)
    assert not old_profiles([replace(found, speed=speed)], today=later)
