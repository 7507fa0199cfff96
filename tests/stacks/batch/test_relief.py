"""Promises of the relief on demand; tests/local/test_relief.py plays it."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from delivery.quotas import Need
from local.arithmetic import Number, evaluate
from stacks.capacity.relief import missing_tasks
from stacks.environments import Environment
from tests.stacks.factory import LIVE
from tests.stacks.synthesis import Template, synthesize

PLAN = LIVE.plan
SPEED = PLAN.speed


@pytest.fixture
def batch(line: Mapping[str, Template]) -> Template:
    """Production's batch stack."""
    return line["live/Batch"]


def alarm(template: Template, label: str) -> dict[str, Any]:
    """The alarm of one of the relief's rules."""
    alarms = template.properties("AWS::CloudWatch::Alarm")
    (found,) = [a for a in alarms if [q["Label"] for q in a["Metrics"] if q["ReturnData"]] == [label]]
    return found


def expression(template: Template, label: str) -> str:
    """The metric math of the alarm."""
    (text,) = [query["Expression"] for query in alarm(template, label)["Metrics"] if "Expression" in query]
    return str(text)


def test_relief_is_a_second_service_on_demand_with_the_same_task(batch: Template) -> None:
    """It is the workers' task and firewall, and a deployment does not set its size."""
    relief = batch.only("AWS::ECS::Service", of="Relief")
    workers = batch.only("AWS::ECS::Service", of="Workers")
    assert relief["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE", "Weight": 1}]
    assert relief["TaskDefinition"] == workers["TaskDefinition"]
    assert relief["NetworkConfiguration"] == workers["NetworkConfiguration"]
    assert "DesiredCount" not in relief
    target = batch.only("AWS::ApplicationAutoScaling::ScalableTarget", of="Relief")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, PLAN.relief_max_tasks)
    assert {"ServiceName", "ReliefServiceName"} <= set(batch.body["Outputs"])


MINUTES = [
    {"waiting": waiting, "working": working, "age": age, "spot": spot, "joined": joined}
    for waiting, working, age, spot, joined in product(
        (1, 400, 20_000), (0, 90), (0, 100_000, 250_000), (0, 10, 60), (0, 7)
    )
]


@pytest.mark.parametrize("told", [True, False], ids=["told", "plan"])
def test_metric_math_is_the_rule_of_the_simulator(batch: Template, *, told: bool) -> None:
    """The alarm's expression gives the missing tasks of `stacks.capacity.relief`, in every situation.

    While no worker tells, the plan's average call and slowest speed stand in.
    """
    call = 100.0 if told else 60.0 * LIVE.workload.talk_minutes_per_call
    rest = 40.0 if told else call
    pace = 2.5 if told else SPEED.limiting.audio_seconds_per_second
    gauges: dict[str, Number] = {"call": call, "rest": rest, "pace": pace}
    for minute in MINUTES:
        found = evaluate(
            expression(batch, "Join"),
            {
                # Metrics of which there is none are not reported.
                **{name: value if value or name in ("waiting", "age") else None for name, value in minute.items()},
                **(gauges if told else dict.fromkeys(gauges)),
            },
        )
        missing = missing_tasks(
            oldest_seconds=minute["age"],
            backlog_audio_seconds=minute["waiting"] * call + minute["working"] * rest,
            joins_seconds=PLAN.relief_joins_seconds,
            spot_tasks=minute["spot"],
            relief_tasks=minute["joined"],
            audio_seconds_per_task_second=pace * SPEED.busy_share,
        )
        assert found == pytest.approx(missing, abs=1), minute


@pytest.mark.parametrize(
    ("minute", "idle"),
    [
        ({"waiting": 0, "working": None, "joined": 5}, 5),
        ({"waiting": 0, "working": 3, "joined": 5}, 2),
        ({"waiting": 0, "working": 9, "joined": 5}, 0),
        ({"waiting": 1, "working": 3, "joined": 5}, 0),
        ({"waiting": None, "working": None, "joined": 5}, None),
        ({"waiting": 0, "working": 3, "joined": None}, None),
    ],
)
def test_relief_leaves_only_as_far_as_it_certainly_has_nothing_to_do(
    batch: Template, minute: dict[str, Number], idle: Number
) -> None:
    """Each message in flight may be on a task of it, and while a message waits all are busy; a gap moves nothing."""
    assert evaluate(expression(batch, "Leave"), minute) == idle
    found = alarm(batch, "Leave")
    assert (found["DatapointsToAlarm"], found["EvaluationPeriods"], found["TreatMissingData"]) == (5, 5, "ignore")


def test_shortage_has_to_last_before_relief_joins(batch: Template) -> None:
    """A fleet that wakes has one task for some minutes; a late metric does not begin the time again."""
    found = alarm(batch, "Join")
    assert (found["DatapointsToAlarm"], found["EvaluationPeriods"], found["TreatMissingData"]) == (24, 30, "ignore")


def test_environment_without_relief_has_one_service_and_still_the_alarm(tmp_path: Path) -> None:
    """The alarm for people then counts on Spot alone."""
    templates = synthesize([replace(LIVE, relief=False)], tmp_path)
    assert len(templates["live/Batch"].properties("AWS::ECS::Service")) == 1
    assert "ReliefServiceName" not in templates["live/Batch"].body["Outputs"]
    alarms = templates["live/Monitoring"].properties("AWS::CloudWatch::Alarm")
    (missed,) = [a for a in alarms if a["AlarmDescription"].endswith("missed-deadline.md")]
    (text,) = [query["Expression"] for query in missed["Metrics"] if "Expression" in query]
    minute: dict[str, Number] = {"waiting": 10, "working": None, "age": 100, "call": 300, "rest": None, "pace": 3}
    finish = 100 + 10 * 300 / (3 * SPEED.busy_share)
    assert evaluate(text, {**minute, "spot": None}) == pytest.approx(finish)
    assert evaluate(text, {**minute, "spot": 1}) == pytest.approx(finish)


def test_alarm_that_the_deadline_is_missed_counts_on_all_of_the_relief(line: Mapping[str, Template]) -> None:
    """It compares the projected finish with the time at which transcripts are due, after the relief has had its time."""
    alarms = line["live/Monitoring"].properties("AWS::CloudWatch::Alarm")
    (missed,) = [a for a in alarms if a["AlarmDescription"].endswith("missed-deadline.md")]
    assert missed["Threshold"] == 3600 * LIVE.workload.due_hours
    assert missed["EvaluationPeriods"] == 30
    (text,) = [query["Expression"] for query in missed["Metrics"] if "Expression" in query]
    minute: dict[str, Number] = {"waiting": 10, "working": 5, "age": 100, "call": 300, "rest": 60, "pace": 3, "spot": 2}
    tasks = 2 + PLAN.relief_max_tasks
    assert evaluate(text, minute) == pytest.approx(100 + 3300 / (3 * SPEED.busy_share) / tasks)
    assert evaluate(text, {**minute, "waiting": 0}) == 0


def test_relief_counts_in_quota_and_addresses() -> None:
    """A first deploy asks for enough on-demand vCPU, beside the API's own."""
    vcpus = SPEED.cpu / 1024
    with_relief, without = Need.of(LIVE), Need.of(replace(LIVE, relief=False))
    assert with_relief.on_demand - without.on_demand == vcpus * PLAN.relief_max_tasks
    assert with_relief.spot == without.spot


def test_every_environment_is_relieved_unless_it_says_no(
    templates: Mapping[str, Template], environment: Environment
) -> None:
    """The plan's number is the limit."""
    targets = templates[f"{environment.name}/Batch"].properties("AWS::ApplicationAutoScaling::ScalableTarget")
    assert len(targets) == (2 if environment.plan.relief_max_tasks else 1)
