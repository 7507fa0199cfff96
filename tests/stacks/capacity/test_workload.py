"""A workload says when its recordings arrive and how much speech they have; slips are refused before anything is planned."""

import doctest
import json
from dataclasses import replace
from typing import Any

import pytest

from service.settings import Settings
from stacks.capacity import Arrival, HostKind, Limits, Speed, UnreachableDeadline, Workload, plan, profiles, speech
from stacks.capacity.speech import heard
from stacks.capacity.speed import SAMPLE_SPEECH_SHARE
from tests.stacks.synthesis import ROOT

WEEK = Workload(agents=100, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=5, window_hours=60)
SPREAD = replace(WEEK, arrival=Arrival.OPEN_HOURS, arrival_hours=20)
BURSTS = replace(WEEK, arrival=Arrival.BURSTS, arrival_hours=20, bursts=5)
SPEED = Speed(audio_seconds_per_second=10, cpu=2048, source="a test", measured=True)
LIMITS = Limits(spot_vcpus=1e6, on_demand_vcpus=1e6, max_audio_seconds=5400, job_deadline_seconds=14_400)


@pytest.mark.parametrize(
    ("base", "changes", "message"),
    [
        (
            WEEK,
            {"talk_minutes_per_call": 360.0},
            "talk_minutes_per_call: got '360.0', expected at most 36 with 40 calls, or those of an agent last longer than a day",
        ),
        (WEEK, {"channels": 0}, "channels: got '0', expected a whole number, from 1 to 8"),
        (WEEK, {"channels": 9}, "channels: got '9', expected a whole number, from 1 to 8"),
        (
            WEEK,
            {"speech_share": 60.0},
            "speech_share: got '60.0', expected a share above 0, 2 at most for 2 channels, such as 0.6; or None",
        ),
        (WEEK, {"speech_share": 0.0}, "speech_share: got '0.0', expected a share above 0, 2 at most for 2 channels, "),
        (WEEK, {"arrival_hours": 5.0}, "arrival_hours: got '5.0', expected 0 when the arrival is at-once"),
        (
            SPREAD,
            {"arrival_hours": 0.0},
            "arrival_hours: got '0.0', expected more than 0 when the arrival is open-hours",
        ),
        (SPREAD, {"bursts": 3}, "bursts: got '3', expected 1 when the arrival is open-hours"),
        (BURSTS, {"bursts": 1}, "bursts: got '1', expected 2 or more when the arrival is bursts"),
        (BURSTS, {"bursts": -2}, "bursts: got '-2', expected 2 or more when the arrival is bursts"),
        (SPREAD, {"arrival_hours": -1.0}, "arrival_hours: got '-1.0', expected 0 or more"),
        (
            SPREAD,
            {"window_hours": 20.0},
            "window_hours: got '20.0', expected more than 20, or a deadline is before the work arrives",
        ),
        (
            WEEK,
            {"arrival": "open-hours"},
            "arrival: got 'open-hours', expected one of Arrival.AT_ONCE, Arrival.OPEN_HOURS",
        ),
    ],
)
def test_slip_is_refused_in_one_line(base: Workload, changes: dict[str, Any], message: str) -> None:
    """The line names the field, the value and the expectation; seconds for minutes are noticed."""
    with pytest.raises(ValueError, match=r"^workload\.") as refused:
        replace(base, **changes)
    assert str(refused.value).startswith(f"workload.{message}")


def test_average_call_beyond_the_longest_recording_is_refused_with_a_hint() -> None:
    """A few long calls a day may be meant in seconds, too."""
    few = replace(WEEK, calls_per_agent_per_day=2, talk_minutes_per_call=360)
    with pytest.raises(ValueError, match=r"got '360', expected at most 90, .*; minutes are meant, not seconds$"):
        plan(workload=few, speed=SPEED, limits=LIMITS)


def test_recordings_that_arrive_over_hours_need_no_larger_fleet_in_the_same_time_afterwards() -> None:
    """Work is done while other recordings still arrive: with as much time after the last one, fewer tasks do."""
    spread = plan(workload=replace(SPREAD, window_hours=60 + 20), speed=SPEED, limits=LIMITS)
    at_once = plan(workload=WEEK, speed=SPEED, limits=LIMITS)
    assert spread.batch_max_tasks < at_once.batch_max_tasks
    assert spread.oldest_message_alarm_seconds == at_once.oldest_message_alarm_seconds


def test_bursts_lie_between_one_arrival_and_an_even_stream() -> None:
    """The last burst is the work that is left when everything has arrived."""
    fleets = [
        plan(workload=replace(workload, window_hours=30), speed=SPEED, limits=LIMITS).batch_max_tasks
        for workload in (SPREAD, replace(BURSTS, bursts=50), replace(BURSTS, bursts=2))
    ]
    assert fleets == sorted(fleets)
    assert fleets[0] < fleets[-1]


def test_deadline_shortly_after_the_last_arrival_is_refused() -> None:
    """Half an hour is not enough for a fleet to grow and for the longest call."""
    with pytest.raises(UnreachableDeadline, match=r"^workload\.window_hours: got '20\.2', expected a longer window"):
        plan(workload=replace(SPREAD, window_hours=20.2), speed=SPEED, limits=LIMITS)


def test_work_is_proportional_to_speech() -> None:
    """Calls with half of the measured share of speech take half the tasks' time, on every kind of host."""
    quiet = replace(WEEK, speech_share=SPEED.speech_share / 2)
    usual = plan(workload=WEEK, speed=SPEED, limits=LIMITS)
    half = plan(workload=quiet, speed=SPEED, limits=LIMITS)
    assert half.task_hours == pytest.approx(usual.task_hours / 2)
    host = HostKind(kind="AMX", share=1.0, audio_seconds_per_second=10, low=8, high=12)
    faster = heard(replace(SPEED, slowest=6, hosts=(host,)), SPEED.speech_share / 2)
    assert (faster.slowest, faster.hosts[0].low, faster.hosts[0].high) == pytest.approx((12, 16, 24))


def test_speech_is_told_once_in_a_speed() -> None:
    """A speed that was brought to a share of speech is at that share: once more changes nothing."""
    assert doctest.testmod(speech) == (0, 2)
    quiet = heard(SPEED, 0.4)
    assert heard(quiet, 0.4) == quiet


def test_speed_has_the_share_of_speech_of_its_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample calls' stands for profiles that do not know it."""
    found = profiles.measured(Settings(), architecture="X86_64")
    for share, expected in ((0.6, 0.6), (0.0, SAMPLE_SPEECH_SHARE)):
        told = [replace(profile, speech_share=share) for profile in found]
        monkeypatch.setattr("stacks.capacity.speed.measured", lambda *_, told=told, **__: told)
        speed = Speed.of(Settings().model, cpu=2048, processor="X86_64")
        assert speed.speech_share == pytest.approx(expected)


def test_speech_share_of_the_sample_calls_is_the_one_that_is_stated() -> None:
    """It is counted from their true turns."""
    calls = json.loads((ROOT / "demo" / "calls" / "manifest.json").read_text())["recordings"]
    speech = sum(turn["end"] - turn["start"] for call in calls for turn in call["turns"])
    assert speech / sum(max(turn["end"] for turn in call["turns"]) for call in calls) == pytest.approx(
        SAMPLE_SPEECH_SHARE, abs=0.005
    )
