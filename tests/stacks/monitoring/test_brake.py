"""Promises of the budget brake: exact rights, runs that a deployment cannot overtake, and messages that wait."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacks.capacity import Prices, tasks_for_deadline
from stacks.environments import BudgetBrake, InvalidEnvironment
from stacks.environments.backfill_costs import budget
from stacks.environments.regions import WITHOUT_BUDGETS
from tests.stacks.factory import GUARDED, REGION
from tests.stacks.synthesis import Template, listed

MACHINE = "AWS::StepFunctions::StateMachine"


@pytest.fixture
def template(guarded: Mapping[str, Template]) -> Template:
    """The monitoring stack of production with a brake."""
    return guarded["Monitoring"]


def steps(template: Template) -> str:
    """The definition, with references as JSON."""
    parts = template.only(MACHINE)["DefinitionString"]["Fn::Join"][1]
    return "".join(part if isinstance(part, str) else json.dumps(part).replace('"', "'") for part in parts)


def rights(template: Template, *, of: str) -> dict[str, list[Any]]:
    """The resources of each action of the role whose logical id contains a word."""
    found: dict[str, list[Any]] = {}
    for policy in template.properties("AWS::IAM::Policy"):
        if of in str(policy["Roles"]):
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in listed(statement["Action"]):
                    found.setdefault(action, []).extend(listed(statement["Resource"]))
    return found


def test_environment_without_a_brake_has_no_state_machine(line: Mapping[str, Template]) -> None:
    """It is optional."""
    assert MACHINE not in line["live/Monitoring"].kinds()


def test_definition_and_its_stacks_lint(guarded: Mapping[str, Template]) -> None:
    """cfn-lint knows the states of Step Functions and the fields of each."""
    files = [str(guarded[name].path) for name in ("Monitoring", "Backfill")]
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", REGION, "--", *files]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""


def test_brake_may_limit_its_own_services_and_nothing_else(template: Template) -> None:
    """The complete list of its rights; metrics and scalable targets have conditions in place of names."""
    found = rights(template, of="BrakeRole")
    assert set(found) == {
        "ssm:GetParameter",
        "ssm:PutParameter",
        "budgets:ViewBudget",
        "application-autoscaling:RegisterScalableTarget",
        "ecs:DescribeServices",
        "ecs:UpdateService",
        "cloudwatch:PutMetricData",
    }
    assert [action for action, resources in found.items() if "*" in resources] == ["cloudwatch:PutMetricData"]
    conditions = [
        statement["Condition"]["StringEquals"]
        for policy in template.properties("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if "BrakeRole" in str(policy["Roles"]) and "Condition" in statement
    ]
    assert conditions == [
        {"application-autoscaling:service-namespace": "ecs"},
        {"cloudwatch:namespace": "WhisperFargate"},
    ]


def test_shares_of_the_budget_are_its_thresholds(template: Template) -> None:
    """The steps compare with dollars of the budget that the stack makes."""
    dollars = budget(GUARDED, Prices.read(GUARDED.region))
    assert f"$spent >= {round(1.5 * dollars, 2)} ? 'stopped'" in steps(template)
    assert f"$spent >= {round(dollars, 2)} ? 'slowed'" in steps(template)


def test_slowed_fleet_keeps_the_deadline(template: Template) -> None:
    """The numbers of each fleet follow from the plan: without a brake all, slowed those that the deadline needs."""
    plan = GUARDED.plan
    needed = tasks_for_deadline(
        workload=GUARDED.workload, plan=plan, max_audio_seconds=GUARDED.settings.max_audio_seconds
    )
    assert f'"full":{plan.batch_max_tasks},"slowed":{needed}' in steps(template)
    assert f'"full":{plan.relief_max_tasks},"slowed":{min(needed, plan.relief_max_tasks)}' in steps(template)


def test_brake_runs_every_hour_and_after_each_update_of_a_fleet(template: Template) -> None:
    """An update that raises a limit is followed by a run within a minute, so that no deployment lifts a brake."""
    rules = [rule for rule in template.properties("AWS::Events::Rule") if "Brake" in json.dumps(rule["Targets"])]
    (hourly,) = (rule for rule in rules if "ScheduleExpression" in rule)
    (deployed,) = (rule for rule in rules if "EventPattern" in rule)
    assert hourly["ScheduleExpression"] == "rate(1 hour)"
    detail = deployed["EventPattern"]["detail"]
    assert detail["status-details"]["status"] == ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]
    assert "stack/whisper-live-Batch/" in json.dumps(detail["stack-id"])
    assert {rule["Targets"][0]["Input"] for rule in rules} == {'{"lift":false}'}


def test_state_is_not_reset_by_a_deployment(guarded: Mapping[str, Template]) -> None:
    """CloudFormation writes a parameter only if its template changes: the value there is the same in every template."""
    values = [
        parameter["Value"]
        for parameter in guarded["Monitoring"].properties("AWS::SSM::Parameter")
        if parameter["Name"] == "/whisper/live/brake"
    ]
    assert values == ["off"]


def test_alarm_rings_while_the_brake_is_on_and_says_how_long_messages_wait(
    template: Template, guarded: Mapping[str, Template], line: Mapping[str, Template]
) -> None:
    """The number in its text is the retention of the queue, which is longer than without a brake."""
    alarms = {a["AlarmDescription"].partition(":")[0]: a for a in template.properties("AWS::CloudWatch::Alarm")}
    on = alarms["The budget brake is on"]
    assert (on["MetricName"], on["Threshold"], on["TreatMissingData"]) == ("Brake", 1, "ignore")
    assert on["AlarmActions"] == on["OKActions"]
    braked, usual = (
        min(queue["MessageRetentionPeriod"] for queue in made.properties("AWS::SQS::Queue"))
        for made in (guarded["Recordings"], line["live/Recordings"])
    )
    assert braked > usual
    assert f"Messages wait {braked // 86_400} days at most" in on["AlarmDescription"]
    assert "`python -m delivery.brake lift live` lifts it" in on["AlarmDescription"]


def test_failed_run_is_an_alarm(template: Template) -> None:
    """A brake that cannot read the budget would otherwise be off without a word."""
    (failed,) = (a for a in template.properties("AWS::CloudWatch::Alarm") if a.get("MetricName") == "ExecutionsFailed")
    assert failed["AlarmActions"]
    assert failed["AlarmDescription"].endswith("docs/runbooks/budget.md")


def test_operator_may_lift_it(guarded: Mapping[str, Template], line: Mapping[str, Template]) -> None:
    """The command's rights, and only if there is a brake."""
    lifting = {"states:StartExecution", "states:DescribeExecution", "ssm:GetParameter"}
    assert lifting <= set(rights(guarded["People"], of="Operator"))
    assert not lifting & set(rights(line["live/People"], of="Operator"))


def test_release_may_read_its_state(guarded: Mapping[str, Template]) -> None:
    """A release is refused while the fleet is stopped, since no worker could prove it."""
    assert "/whisper/live/brake" in json.dumps(rights(guarded["Delivery"], of="Release")["ssm:GetParameter"])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"slow_at": 0}, r"^brake\.slow_at: got '0', expected a number above 0$"),
        ({"slow_at": 2, "stop_at": 1.5}, r"^brake\.stop_at: got '1\.5', expected a share above 2, as slow_at is, "),
        (
            {"slow_at": 100, "stop_at": 150},
            r"^brake\.slow_at: got '100', expected a share of the budget below 10, .* not percent$",
        ),
        (
            {"stop_at": 150},
            r"^brake\.stop_at: got '150', expected a share above 1, as slow_at is, 10 at most; not percent$",
        ),
        ({"stop_at": float("inf")}, r"^brake\.stop_at: got 'inf', expected a share above 1"),
    ],
)
def test_wrong_shares_are_refused(values: dict[str, float], text: str) -> None:
    """Stopping before slowing would never slow, and a share in percent would do neither."""
    with pytest.raises(InvalidEnvironment, match=text):
        BudgetBrake(**values)


def test_brake_is_refused_where_stacks_hold_no_budget() -> None:
    """It would have nothing to read."""
    region = min(WITHOUT_BUDGETS)
    with pytest.raises(InvalidEnvironment, match=rf"^live\.brake: got .*, expected None in {region}, "):
        replace(GUARDED, region=region)
