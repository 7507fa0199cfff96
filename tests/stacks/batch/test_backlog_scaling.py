"""Promises of the workers' scaling; tests/local/test_scaling.py and test_fleet.py play it."""

from collections.abc import Mapping
from typing import Any

import pytest

from stacks.environments import Environment, Strategy
from tests.stacks.synthesis import Template


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The batch stack of each environment."""
    return templates[f"{environment.name}/Batch"]


def tracking(template: Template) -> dict[str, Any]:
    """The one target tracking policy."""
    policies = template.properties("AWS::ApplicationAutoScaling::ScalingPolicy")
    (found,) = [p for p in policies if p["PolicyType"] == "TargetTrackingScaling"]
    configuration: dict[str, Any] = found["TargetTrackingScalingPolicyConfiguration"]
    return configuration


def steps(template: Template) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Alarm and step policy of each rule that scales the workers on Spot, by the label of the alarm's expression."""
    resources = template.body["Resources"]
    found = {}
    for name, resource in resources.items():
        if resource["Type"] != "AWS::CloudWatch::Alarm" or not name.startswith("Workers"):
            continue
        alarm = resource["Properties"]
        (label,) = [query["Label"] for query in alarm["Metrics"] if query["ReturnData"]]
        (action,) = alarm["AlarmActions"]
        found[label] = (alarm, resources[action["Ref"]]["Properties"]["StepScalingPolicyConfiguration"])
    return found


def expression(queries: list[dict[str, Any]]) -> str:
    """The metric math of some queries."""
    (text,) = [query["Expression"] for query in queries if "Expression" in query]
    return str(text)


def test_fleet_has_its_scaling_rules(template: Template) -> None:
    """Two wake it, one follows the backlog upwards, two take tasks away."""
    assert set(steps(template)) == {"Wake", "Announce", "Shrink", "Sleep"}


def test_backlog_only_grows_the_fleet(template: Template, environment: Environment) -> None:
    """A falling backlog says how many tasks the rest needs; the fleet has as many that work."""
    policy = tracking(template)
    queries = policy["CustomizedMetricSpecification"]["Metrics"]
    assert policy["DisableScaleIn"] is True
    assert policy["TargetValue"] == pytest.approx(environment.plan.backlog_per_task, abs=0.01)
    assert policy["TargetValue"] >= environment.settings.lanes
    assert expression(queries) == "(waiting + FILL(working, 0)) / IF(tasks < 1, 1, tasks)"
    assert {q["Id"]: q["MetricStat"]["Metric"]["MetricName"] for q in queries if "MetricStat" in q} == {
        "waiting": "ApproximateNumberOfMessagesVisible",
        "working": "ApproximateNumberOfMessagesNotVisible",
        "tasks": "DesiredTaskCount",
    }


def test_rule_that_sets_the_number_of_tasks_holds_only_while_nobody_works(template: Template) -> None:
    """Late metrics look like no tasks: only the absence of messages in flight proves that none is busy."""
    exact = {
        name: (expression(alarm["Metrics"]), [each["ScalingAdjustment"] for each in step["StepAdjustments"]])
        for name, (alarm, step) in steps(template).items()
        if step["AdjustmentType"] == "ExactCapacity"
    }
    assert exact == {
        "Wake": ("IF(waiting > 0 AND FILL(working, 0) < 1 AND FILL(tasks, 0) < 1, 1, 0)", [1]),
        "Sleep": ("IF(FILL(waiting, 0) + FILL(working, 0) + FILL(arrivals, 0) < 1, 1, 0)", [0]),
    }


def test_tasks_are_taken_away_only_while_nothing_waits_and_never_more_than_are_surplus(
    template: Template, environment: Environment
) -> None:
    """Each step begins at the surplus that it takes away; the largest step is within the fleet's limit."""
    alarm, step = steps(template)["Shrink"]
    assert expression(alarm["Metrics"]) == "IF(waiting < 1, tasks - IF(working < 1, 1, working), 0)"
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"] >= 5
    bounds = [(each.get("MetricIntervalLowerBound", 0), -each["ScalingAdjustment"]) for each in step["StepAdjustments"]]
    assert step["AdjustmentType"] == "ChangeInCapacity"
    assert all(0 < taken <= alarm["Threshold"] + lower for lower, taken in bounds)
    assert max(taken for _, taken in bounds) <= environment.plan.batch_max_tasks
    assert len(bounds) <= 20  # as many as a policy takes


def test_upload_to_an_idle_queue_adds_one_task_in_the_time_that_its_metrics_may_be_late(template: Template) -> None:
    """The rule holds for an upload's minute only if the queue reports nothing."""
    alarm, step = steps(template)["Announce"]
    assert expression(alarm["Metrics"]) == (
        "IF(FILL(waiting + 1, 0) < 1 AND FILL(working + 1, 0) < 1 AND FILL(tasks, 0) < 1"
        " AND FILL(arrivals, 0) > 0, 1, 0)"
    )
    assert (step["AdjustmentType"], step["Cooldown"]) == ("ChangeInCapacity", 900)
    assert [each["ScalingAdjustment"] for each in step["StepAdjustments"]] == [1]


def test_missing_metrics_change_no_alarm(template: Template) -> None:
    """A gap neither wakes nor stops the fleet."""
    assert {alarm["TreatMissingData"] for alarm, _ in steps(template).values()} == {"ignore"}


def test_services_state_whether_they_rebalance_zones(
    templates: Mapping[str, Template], environment: Environment
) -> None:
    """The default of a new service is not that of an old one. Workers are not stopped for the sake of a balance."""
    found = {
        name: {
            service["AvailabilityZoneRebalancing"]
            for service in templates[f"{environment.name}/{name}"].properties("AWS::ECS::Service")
        }
        for name in ("Api", "Batch")
    }
    rolling = environment.api.strategy is Strategy.ROLLING
    assert found == {"Api": {"ENABLED" if rolling else "DISABLED"}, "Batch": {"DISABLED"}}
