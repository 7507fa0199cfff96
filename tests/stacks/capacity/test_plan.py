"""`make plan` prints what the environments' plans say, for any workload, and refuses slips in one line."""

import doctest
import random
import re
import runpy
import sys
from dataclasses import replace

import pytest

from stacks.__main__ import fleets
from stacks.capacity import InvalidEnvironment, Prices, report
from stacks.capacity.__main__ import TIMES, grown, main
from stacks.capacity.report import SUMMARY, Forecast, over_time, spoken, told
from stacks.capacity.simulation import Case, Drained, Outcome, week
from stacks.capacity.usage import DAYS_PER_MONTH, usage_per_month
from stacks.environments import Environment, select
from stacks.environments.costs import bill, idle, month
from stacks.environments.forecast import case, forecast
from tests.stacks.factory import LINE, LIVE, TEAM
from tests.stacks.synthesis import ROOT

QUICK = ["--runs", "2", "--no-comparison"]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> tuple[Environment, ...]:
    """The tests' own environments in place of a fork's."""
    line = tuple(replace(each, workload=replace(TEAM, agents=1)) for each in LINE)

    def chosen(name: str | None) -> tuple[Environment, ...]:
        return select(name, line)

    monkeypatch.setattr("stacks.capacity.__main__.select", chosen)
    return line


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints."""
    assert main([*arguments, *QUICK]) == 0
    return capsys.readouterr().out


def test_plans_of_all_environments_and_of_a_grown_production(
    known: tuple[Environment, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has its fleet, its hours, its bill and its doubt; ten times the agents are planned on quotas that suffice."""
    text = printed(capsys)
    names = [each.name for each in known] + [f"live x {TIMES}"]
    assert re.findall(r"^(\S.*?): [\d,]+ agents", text, re.MULTILINE) == names
    for environment in known:
        own = forecast(environment)
        assert f"done in {own.plan.hours_to_finish:.1f} of 12 h on the slowest hosts" in text
        assert f"0 to {own.plan.batch_max_tasks} tasks of {environment.task.cpu / 1024:g} vCPU" in text
        assert f"${month(environment, own.prices):,.0f} a month, of which idle ${own.idle:,.0f}" in text
    assert len(re.findall(r"\(p90\) of 2 weeks, .* a transcript was late in 0% of them", text)) == len(names)
    assert len(
        re.findall(r"^  Spot at 25%   done in [\d.]+ h, [\d.]+ h before the deadline, with ", text, re.MULTILINE)
    ) == len(names)
    assert "Assumed in every simulated week" in text


def test_workload_of_the_command_line_is_planned_in_the_named_environment(
    known: tuple[Environment, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Options replace fields of its workload, and its quotas are no limit, but shown."""
    text = printed(
        capsys,
        "forge",
        "--agents",
        "25",
        "--minutes",
        "4",
        "--arrival",
        "bursts",
        "--arrival-hours",
        "4",
        "--bursts",
        "3",
    )
    assert (
        "as forge: 25 agents, 40 calls a day of 4 min, 2 channels; those of a day arrive in 3 bursts over 4 h" in text
    )
    assert re.search(rf"needs \d+ (of |\(more than ){known[0].spot_vcpus}.* vCPU on Spot", text)
    assert len(re.findall(r"^as forge:", text, re.MULTILINE)) == 1


def test_quota_that_is_too_small_is_marked() -> None:
    """It may be, for a workload of the command line or ten times the agents."""
    assert doctest.testmod(report) == (0, 1)


def test_markdown_has_the_rows_of_the_forecasts(
    known: tuple[Environment, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A page can take the table as it is; it needs no simulation."""
    assert main(["--markdown"]) == 0
    header, rule, *rows = capsys.readouterr().out.splitlines()
    assert header.count("|") == rule.count("|") == len(SUMMARY) + 1
    names = [f"{name} (speed assumed)" for name in (*(each.name for each in known), f"live x {TIMES}")]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == names


def test_table_marks_the_rows_of_an_assumed_speed() -> None:
    """A page shows the table alone; a measured environment has its bare name."""
    own = forecast(LIVE)
    measured = replace(own, plan=replace(own.plan, speed=replace(own.plan.speed, measured=True)))
    assert (own.row()[0], measured.row()[0]) == ("live (speed assumed)", "live")
    assert fleets(LIVE)[0] == own.row()[0]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["live", "--minutes", "360"], "--minutes: got '360.0', expected at most 36 with 40 calls, "),
        (["live", "--agents", "0"], "--agents: got '0', expected a whole number, 1 or more"),
        (["live", "--calls", "-3"], "--calls: got '-3.0', expected a number above 0"),
        (["live", "--window", "30"], "--window: got '30.0', expected more than 0 and at most 24, "),
        (["live", "--speech", "55"], "--speech: got '55.0', expected a share above 0, 2 at most "),
        (["live", "--arrival", "open-hours"], "--arrival-hours: got '0.0', expected more than 0 when "),
        (["nowhere"], "environment: got 'nowhere', expected one of forge, trial, live"),
    ],
)
def test_slip_is_refused_by_the_name_of_its_option(arguments: list[str], message: str) -> None:
    """The line names what was typed, not a field of the code."""
    with pytest.raises(InvalidEnvironment) as refused:
        main([*arguments, *QUICK])
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(("option", "text"), [("--runs", "0"), ("--agents", "many"), ("--arrival", "sometimes")])
def test_option_that_is_no_number_or_pattern_is_refused(
    option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As by any command of this kind."""
    with pytest.raises(SystemExit) as end:
        main([option, text])
    assert end.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err


def test_command_ends_in_one_line_on_a_wrong_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader gets a sentence, not a traceback."""
    monkeypatch.setattr(sys, "argv", ["plan", "nowhere"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "stacks" / "capacity" / "__main__.py"), run_name="__main__")
    assert str(end.value.code).startswith("environment: got 'nowhere', expected one of ")


def test_assumed_speed_is_called_assumed_wherever_a_plan_shows_it() -> None:
    """In the report and in the stack's output; a measured one names its measurement."""
    own = forecast(LIVE)
    assert not own.plan.speed.measured
    assert spoken(own.plan.speed).startswith("assumed: ")
    assert "Speed assumed: " in own.summary()
    assert spoken(replace(own.plan.speed, measured=True, source="a run")).startswith("measured: ")


def test_quotas_of_a_grown_environment_are_the_ones_that_it_needs() -> None:
    """They may exceed those that it states, which the report shows side by side."""
    small = replace(LIVE, workload=replace(TEAM, agents=50))
    large = grown(small, 10)
    assert large.workload.agents == 500
    assert large.plan.batch_max_tasks / small.plan.batch_max_tasks == pytest.approx(10, rel=0.05)


def test_bill_is_the_idle_month_the_tasks_and_the_usage() -> None:
    """Nothing counts twice, and the parts are the month."""
    prices = Prices.read()
    parts, egress = bill(LIVE, prices), LIVE.network.egress
    usage = usage_per_month(prices, workload=LIVE.workload, recording_days=90, transcript_days=365)
    tasks = parts["batch on Spot"] + parts["batch on demand"]
    assert sum(parts.values()) == pytest.approx(month(LIVE, prices))
    assert sum(parts.values()) == pytest.approx(idle(LIVE, egress, prices) + tasks + sum(usage.values()))
    half = replace(LIVE, on_demand_workers=LIVE.plan.batch_max_tasks // 2, on_demand_vcpus=1000)
    assert bill(half, prices)["batch on demand"] > bill(half, prices)["batch on Spot"] > 0


def test_storage_is_priced_for_what_is_kept() -> None:
    """A thousand hours of telephone WAV for a month are $2.65, as docs/stacks/recordings.md says; one channel is half."""
    workload = replace(LIVE.workload, agents=1)
    hours = workload.audio_hours_per_month
    both, one = (
        usage_per_month(
            Prices.read(),
            workload=replace(workload, channels=channels),
            recording_days=DAYS_PER_MONTH,
            transcript_days=1,
        )
        for channels in (2, 1)
    )
    assert both["recordings"] / hours * 1000 == pytest.approx(2.65, abs=0.005)
    assert one["recordings"] == pytest.approx(both["recordings"] / 2)


def test_line_of_tasks_shows_the_fleet_over_time() -> None:
    """From zero to its limit, the relief after a plus, in about a dozen points."""
    outcome = small_case().replay()
    hours, text = over_time(outcome)
    points = text.split()
    assert 12 <= len(points) <= 25
    assert points[0] == "0"
    assert hours * len(points) == pytest.approx(outcome.batches[0].seconds / 3600, rel=0.2)


def test_cost_of_a_simulated_week_counts_relief_at_the_price_on_demand() -> None:
    """A month is as many weeks as a twelfth of a year has."""
    own, outcome = forecast(replace(LIVE, workload=replace(TEAM, agents=5))), small_case().replay()
    per_hour = [own.task.per_hour(own.prices, on_demand_share=share) for share in (0, 1)]
    outcome = replace(outcome, spot_hours=10.0, on_demand_hours=1.0, relief_hours=2.0)
    assert own.compute(outcome) == pytest.approx((10 * per_hour[0] + 3 * per_hour[1]) * 52 / 12)


@pytest.mark.parametrize(("days_per_batch", "batches"), [(10, 1), (5, 1), (2, 2), (1, 5)])
def test_simulated_batch_costs_as_often_as_it_comes(days_per_batch: int, batches: int) -> None:
    """A batch of a fortnight comes half as often as one of a week, and a week of five days has two and a half of two."""
    workload = replace(TEAM, agents=5, days_per_batch=days_per_batch)
    own, replayed = forecast(replace(LIVE, workload=workload)), list(week(workload, chance=random.Random(1)))
    assert len(replayed) == batches
    outcome = Outcome(
        batches=[Drained(seconds=1, slack_seconds=1)] * batches,
        audio_hours=workload.audio_hours * batches,
        spot_hours=own.plan.task_hours * batches,
        on_demand_hours=0,
        relief_hours=0,
        busy_hours=0,
        interruptions=0,
        repeats=0,
        samples=[],
    )
    assert own.compute(outcome) == pytest.approx(own.bill["batch on Spot"])


def test_workload_is_told_in_words() -> None:
    """A reader recognises the options that were given."""
    assert told(replace(TEAM, speech_share=0.5)) == (
        "5 agents, 40 calls a day of 6 min, 2 channels, 0.5 s of speech in a second; those of a day arrive all at once and"
        " are due after 12 h"
    )


def small_case() -> Case:
    """Five agents of production."""
    return case(replace(LIVE, workload=replace(TEAM, agents=5)))


def test_forecast_has_slack_until_the_deadline() -> None:
    """Planned and due times add up."""
    own: Forecast = forecast(LIVE)
    assert own.slack_hours + own.plan.hours_to_finish == pytest.approx(LIVE.workload.window_hours)
