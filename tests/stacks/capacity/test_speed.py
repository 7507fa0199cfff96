"""A model that was measured has its own speed: that of most hosts for estimates, that of the slowest for limits."""

from dataclasses import replace

import pytest

from service.engine.lock import locked
from service.settings import Settings
from stacks.capacity import HostKind, InvalidEnvironment, Speed, plan
from stacks.capacity.hosts import shares
from stacks.capacity.profiles import measured, profiles
from stacks.environments import Processor
from tests.stacks.capacity.test_fleet import LIMITS, WEEK

BASE = Settings()
FAST = HostKind(kind="AMX", share=0.25, audio_seconds_per_second=8.0, low=7.0, high=9.0)


def test_measured_model_has_the_speed_of_its_profiles() -> None:
    """On each kind of host as measured, in the mix as its median; date and command are in the source."""
    found = {profile.kind: profile for profile in measured(BASE, architecture="X86_64") if profile.cpu == 2048}
    speed = Speed.of("base", cpu=2048, processor="X86_64")
    assert speed.measured
    for host in speed.hosts:
        own = found[host.kind]
        assert (host.audio_seconds_per_second, host.low, host.high) == (
            own.audio_seconds_per_second,
            own.low,
            own.high,
        )
    assert speed.limiting.audio_seconds_per_second == min(own.audio_seconds_per_second for own in found.values())
    assert all(f"`{own.command}` of {own.measured}" in speed.source for own in found.values())


def test_size_without_a_profile_is_assumed_from_the_nearest() -> None:
    """At the same speed per vCPU, which nobody has measured, so that it says so."""
    found = [profile.cpu for profile in measured(BASE, architecture="X86_64")]
    largest, unmeasured = max(found), 2 * max(found)
    small, large = (Speed.of("base", cpu=cpu, processor="X86_64") for cpu in (largest, unmeasured))
    assert not large.measured
    assert large.audio_seconds_per_second == pytest.approx(2 * small.audio_seconds_per_second)
    assert f"that of {unmeasured / 1024:g} vCPU is assumed on" in large.source


@pytest.mark.parametrize(
    ("model", "processor", "more"),
    [
        ("small", "X86_64", {}),
        ("base", "ARM64", {}),
        ("/models/own", "X86_64", {}),
        ("base", "X86_64", {"beam_size": 1}),
        ("base", "X86_64", {"model_sha256": "0" * 64}),
    ],
    ids=["another model", "another processor", "one's own model", "another beam", "other weights"],
)
def test_speed_without_a_profile_is_an_assumption(model: str, processor: str, more: dict[str, str | int]) -> None:
    """It says so wherever it shows."""
    speed = Speed.of(model, cpu=2048, processor=processor, settings=Settings(**more))  # type: ignore[arg-type]
    assert not speed.measured
    assert speed.limiting.audio_seconds_per_second == speed.audio_seconds_per_second


def test_committed_profiles_are_of_the_locked_models() -> None:
    """A profile of other weights would plan for another model than the image contains."""
    digests = {name: model.digest for name, model in locked().items()}
    assert profiles()
    assert {profile.model: profile.model_sha256 for profile in profiles()}.items() <= digests.items()


@pytest.mark.parametrize("processor", list(Processor))
def test_shares_of_hosts_are_complete(processor: Processor) -> None:
    """Each task gets one of them."""
    assert sum(shares(processor).values()) == pytest.approx(1)


def test_slowest_hosts_decide_limits_and_the_usual_ones_the_estimate() -> None:
    """A task cannot choose its host, so the deadline is kept on the slowest; the bill follows the usual one."""
    even = Speed(audio_seconds_per_second=8.0, cpu=2048, source="a test", measured=True)
    mixed = replace(even, slowest=2.0)
    slow = replace(even, audio_seconds_per_second=2.0)
    plans = [plan(workload=WEEK, speed=speed, limits=LIMITS) for speed in (even, mixed, slow)]
    assert [found.task_hours for found in plans[:2]] == [plans[0].task_hours] * 2
    assert plans[1].batch_max_tasks == plans[2].batch_max_tasks > plans[0].batch_max_tasks
    assert plans[1].backlog_per_task == plans[2].backlog_per_task


def test_mix_of_hosts_has_a_speed_that_most_tasks_reach() -> None:
    """A quarter of them is on fast hosts; without known kinds, all are alike."""
    slow = replace(FAST, kind="AVX2", share=0.75, audio_seconds_per_second=2.0, low=1.0, high=3.0)
    even = Speed(audio_seconds_per_second=2.0, cpu=2048, source="a test", measured=True)
    mixed = replace(even, hosts=(slow, FAST))
    assert [mixed.reached_by(share) for share in (0.25, 0.26, 0.9, 1)] == [8.0, 2.0, 2.0, 2.0]
    assert even.reached_by(0.9) == 2.0


@pytest.mark.parametrize("slowest", [0.0, 9.0])
def test_slowest_speed_is_no_faster_than_the_usual_one(slowest: float) -> None:
    """Swapped numbers are refused, with both named."""
    with pytest.raises(InvalidEnvironment, match=r"speed.slowest: got '\d.0', expected a number above 0, 8 at most"):
        Speed(audio_seconds_per_second=8.0, slowest=slowest, cpu=2048, source="a test", measured=True)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": "MIPS"}, "hosts.kind: got 'MIPS', expected one of AMX, VNNI, AVX-512, AVX2, Neoverse-N1, "),
        ({"share": 0.0}, "hosts.share: got '0.0', expected a share above 0, 1 at most"),
        ({"low": 8.5}, "hosts.low: got '8.5', expected a number above 0, 8 at most"),
        ({"low": -1.0}, "hosts.low: got '-1.0', expected a number above 0, 8 at most"),
        ({"high": 7.5}, "hosts.high: got '7.5', expected a number, 8 or more"),
        ({"high": float("nan")}, "hosts.high: got 'nan', expected a number, 8 or more"),
    ],
)
def test_impossible_kind_of_host_is_refused(wrong: dict[str, str | float], says: str) -> None:
    """By field, value and expectation."""
    with pytest.raises(InvalidEnvironment) as refusal:
        replace(FAST, **wrong)  # type: ignore[arg-type]
    assert str(refusal.value).startswith(says)


def test_shares_that_do_not_add_up_are_refused() -> None:
    """Some tasks would have no host."""
    with pytest.raises(InvalidEnvironment, match=r"speed.hosts: got '0.25', expected shares that add up to 1"):
        Speed(audio_seconds_per_second=8.0, hosts=(FAST,), cpu=2048, source="a test", measured=True)
