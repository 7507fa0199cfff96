"""The stress test: its scenarios in the simulator, its report, and one small scenario on a cloud."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.stress import chart, report
from benchmarks.stress.measurement import MINUTE_SECONDS, SCALE, Bench, Measured
from benchmarks.stress.replayed import replay
from benchmarks.stress.scenarios import DRAIN, SCENARIOS, Scenario, bursts
from local.cloud import running_cloud
from service.settings import variable
from stacks.capacity import HostKind
from stacks.capacity.simulation import Outcome
from stacks.environments import emulated

LOCAL = emulated()
TEN_MINUTES = 600


def played(scenario: Scenario, *, slower: float = 1.0) -> tuple[Measured, Outcome]:
    """A replay, and a measurement that went as replayed but took longer."""
    measured = Measured(arrivals=scenario.arrivals, start_seconds=300, pace=LOCAL.plan.speed.audio_seconds_per_second)
    outcome = replay(scenario, measured, environment=LOCAL)
    return replace(measured, written=[slower * outcome.drain_seconds], samples=[*outcome.samples]), outcome


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario_keeps_the_deadline_and_fits_into_ten_minutes(scenario: Scenario) -> None:
    """Relief joins only if Spot falls short."""
    outcome = played(scenario)[1]
    assert not outcome.missed
    assert (outcome.relief_hours > 0) == (scenario.granted is not None)
    every = sum(each.rounds * (played(each)[1].samples[-1].seconds / SCALE) for each in SCENARIOS)
    # The rest is for the deploy, and for a machine that is busy.
    assert every < TEN_MINUTES * 0.75


def test_replay_has_the_pace_that_was_measured_and_no_host_of_the_plan() -> None:
    """A measured model has a speed on each kind of host, and the workers of the test run on none of them."""
    own = LOCAL.plan.speed
    pace = own.audio_seconds_per_second
    host = HostKind(kind="AVX2", share=1.0, audio_seconds_per_second=pace, low=pace, high=pace)
    environment = replace(LOCAL, speed=replace(own, slowest=pace, hosts=(host,)))
    usual, fast = (
        replay(DRAIN, replace(played(DRAIN)[0], pace=times * pace), environment=environment).drain_seconds
        for times in (1, 4)
    )
    assert usual == played(DRAIN)[1].drain_seconds
    assert fast < usual / 2


def test_weekend_is_missed_without_relief() -> None:
    """Otherwise the scenario would show no relief at work."""
    (weekend,) = [each for each in SCENARIOS if each.granted is not None]
    measured = played(weekend)[0]
    assert replay(weekend, measured, environment=replace(LOCAL, relief=False)).missed


@pytest.mark.parametrize(("slower", "within"), [(1.05, "within"), (0.95, "within"), (1.2, "not within")])
def test_report_says_whether_the_goal_is_met(slower: float, within: str) -> None:
    """The deviation is of the simulated from the measured time, and the goal is about the batch at once."""
    found = {scenario: [played(scenario, slower=slower)] for scenario in SCENARIOS}
    text = report.table(found, seconds=480, load=0.5, overhead=30)
    assert f" {1 / slower - 1:+.1%} " in text
    assert f"for the batch is {within} 10%" in text
    assert text.count("\n| ") == len(SCENARIOS)


def test_chart_has_both_lines_in_each_panel() -> None:
    """It is well-formed SVG, and a title cannot break it."""
    measured, outcome = played(DRAIN)
    drawn = chart.svg("a < b", measured=measured.samples, simulated=outcome.samples, note="today")
    lines = ET.fromstring(drawn).findall("{http://www.w3.org/2000/svg}polyline")
    assert [line.get("stroke") for line in lines] == [chart.MEASURED, chart.SIMULATED] * len(chart.PANELS)


@pytest.mark.verify
@pytest.mark.timeout(300)
def test_scenario_is_measured_on_a_cloud(tmp_path: Path) -> None:
    """Real workers drain a small batch; queue and fleet are empty afterwards, and the simulator is near."""
    scenario = Scenario(name="small", title="Small", arrivals=bursts(12))
    overrides = {variable("report_seconds"): "1"}
    with running_cloud(tmp_path, minute_seconds=MINUTE_SECONDS, say=lambda *_: None, overrides=overrides) as cloud:
        cloud.api.wanted = 0
        measured = Bench(cloud, LOCAL).measure(scenario)
        assert cloud.messages() == (0, 0)
        assert not cloud.workers
    assert max(sample.running for sample in measured.samples) > 1
    assert measured.drained == pytest.approx(replay(scenario, measured, environment=LOCAL).drain_seconds, rel=0.5)
