"""Promises of the Batch stack."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacks.capacity import Prices
from stacks.environments import Environment, select
from stacks.environments.costs import month
from tests.stacks.synthesis import Template, listed, statements, synthesize


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The batch stack of each environment."""
    return templates[f"{environment.name}/Batch"]


def policy(template: Template, kind: str, name: str) -> dict[str, Any]:
    """The scaling policy of a type whose name contains `name`."""
    policies = template.properties("AWS::ApplicationAutoScaling::ScalingPolicy")
    (found,) = [p for p in policies if p["PolicyType"] == kind and name in p["PolicyName"]]
    return found


def alarm(template: Template, name: str) -> dict[str, Any]:
    """The scaling alarm whose expression has this label."""
    (found,) = [
        properties
        for properties in template.properties("AWS::CloudWatch::Alarm")
        if name in [query.get("Label") for query in properties["Metrics"]]
    ]
    return found


def expression(properties: dict[str, Any]) -> str:
    """The metric math of an alarm."""
    (text,) = [query["Expression"] for query in properties["Metrics"] if "Expression" in query]
    return str(text)


def evaluate(formula: str, minute: Mapping[str, float]) -> float | None:
    """CloudWatch's metric math for one minute; None if a metric without a FILL is missing."""
    names = {
        name: minute.get(name, math.nan) for name in ("waiting", "working", "arrivals", "tasks") if name in formula
    }
    functions = {
        "IF": lambda condition, yes, no: yes if condition else no,
        "FILL": lambda value, filling: filling if math.isnan(value) else value,
    }
    value = float(eval(formula.replace(" AND ", " and "), functions, names))
    return None if math.isnan(value) else value


def test_workers_run_on_spot(template: Template) -> None:
    """Recordings can wait for another worker after an interruption."""
    strategy = template.only("AWS::ECS::Service")["CapacityProviderStrategy"]
    assert [entry["CapacityProvider"] for entry in strategy] == ["FARGATE_SPOT"]


def test_first_workers_run_on_demand_if_the_environment_asks_for_it(tmp_path: Path) -> None:
    """ECS does not fall back from Spot to on demand, so the base continues when Spot has no capacity."""
    (prod,) = select("prod")
    relief = replace(prod, on_demand_workers=3)
    strategy = synthesize([relief], tmp_path)["prod/Batch"].only("AWS::ECS::Service")["CapacityProviderStrategy"]
    assert strategy == [
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 1},
        {"CapacityProvider": "FARGATE", "Base": 3, "Weight": 0},
    ]


def test_cost_rises_with_the_share_of_on_demand_workers() -> None:
    """The service's cost metric and the monthly estimate include the more expensive tasks."""
    (prod,) = select("prod")
    half = replace(prod, on_demand_workers=prod.plan.batch_max_tasks // 2, on_demand_vcpus=1000)
    prices = Prices.read()
    spot, mixed = (e.worker_settings(queue_url="", recordings_bucket="", transcripts_bucket="") for e in (prod, half))
    assert spot.dollars_per_hour < mixed.dollars_per_hour < prod.api_settings.dollars_per_hour
    assert month(prod, prices) < month(half, prices)


def test_worker_has_time_to_return_its_messages(template: Template) -> None:
    """Spot reclaims a task with two minutes' notice, and the worker may use all of it."""
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["StopTimeout"] == 120


def test_workers_that_do_not_start_are_rolled_back(template: Template) -> None:
    """The circuit breaker rolls back. A deployment may stop idle workers first, because no caller waits for one."""
    deployment = template.only("AWS::ECS::Service")["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 200)


def test_fleet_scales_from_zero_to_the_limit_of_the_plan(template: Template, environment: Environment) -> None:
    """An idle fleet costs nothing, the plan limits it, and a deployment does not set its size."""
    target = template.only("AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, environment.plan.batch_max_tasks)
    assert "DesiredCount" not in template.only("AWS::ECS::Service")


def test_first_message_wakes_one_task(template: Template) -> None:
    """One message or upload in the last three minutes adds a task if nothing is in flight and no task is desired."""
    wake = alarm(template, "Wake")
    assert expression(wake) == (
        "IF(FILL(waiting, 0) + FILL(working, 0) + FILL(arrivals, 0) > 0"
        " AND FILL(working, 0) < 1 AND FILL(tasks, 0) < 1, 1, 0)"
    )
    # The newest minute may not be reported yet; a single upload shows in one minute only.
    assert (wake["Threshold"], wake["DatapointsToAlarm"], wake["EvaluationPeriods"]) == (1, 1, 3)
    step = policy(template, "StepScaling", "Wake")["StepScalingPolicyConfiguration"]
    assert [adjustment["ScalingAdjustment"] for adjustment in step["StepAdjustments"]] == [1]
    # Otherwise the minutes before the task was added would add another.
    assert step["Cooldown"] > wake["EvaluationPeriods"] * 60


def test_waking_never_shrinks_a_fleet(template: Template) -> None:
    """Late metrics look like zero tasks: setting the fleet to one would stop working tasks."""
    step = policy(template, "StepScaling", "Wake")["StepScalingPolicyConfiguration"]
    assert step["AdjustmentType"] == "ChangeInCapacity"
    assert all(adjustment["ScalingAdjustment"] > 0 for adjustment in step["StepAdjustments"])


@pytest.mark.parametrize(
    ("case", "wakes"),
    [
        ({"arrivals": 1}, True),  # an upload to a queue that was idle for hours and reports nothing yet
        ({"waiting": 1, "working": 0, "tasks": 0}, True),
        ({"waiting": 1, "working": 0, "tasks": 1}, False),  # desired, and still starting
        ({"waiting": 9, "working": 3}, False),  # the task count is late, but a message is in flight
        ({"arrivals": 9, "tasks": 3}, False),  # the queue's metrics are late, but tasks run
        ({"waiting": 0, "working": 0, "tasks": 0}, False),
        ({}, False),
    ],
    ids=str,
)
def test_minute_wakes(template: Template, case: dict[str, float], *, wakes: bool) -> None:
    """A minute with work wakes a fleet without tasks; late metrics do not wake a working one."""
    assert evaluate(expression(alarm(template, "Wake")), case) == wakes


@pytest.mark.parametrize("late", ["waiting", "working", "tasks"])
def test_minute_with_a_missing_metric_changes_nothing(template: Template, late: str) -> None:
    """Eight tasks with a backlog of forty have five each; without one of the metrics there is no value."""
    tracking = policy(template, "TargetTrackingScaling", "Follow")["TargetTrackingScalingPolicyConfiguration"]
    (formula,) = [q["Expression"] for q in tracking["CustomizedMetricSpecification"]["Metrics"] if "Expression" in q]
    minute = {"waiting": 32.0, "working": 8.0, "tasks": 8.0}
    assert evaluate(formula, minute) == 5
    del minute[late]
    assert evaluate(formula, minute) is None


def test_fleet_follows_the_backlog_of_each_task(template: Template, environment: Environment) -> None:
    """Visible and in-flight messages per task track the plan's target; zero tasks count as one.

    Metrics have no FILL: a gap in the task count would look like a large backlog per task.
    """
    tracking = policy(template, "TargetTrackingScaling", "Follow")["TargetTrackingScalingPolicyConfiguration"]
    queries = {query["Id"]: query for query in tracking["CustomizedMetricSpecification"]["Metrics"]}
    assert tracking["TargetValue"] == pytest.approx(environment.plan.backlog_per_task, abs=0.01)
    assert [name for name, query in queries.items() if query["ReturnData"]] == ["backlog"]
    assert queries["backlog"]["Expression"] == ("(waiting + working) / IF(tasks < 1, 1, tasks)")
    assert {
        name: query["MetricStat"]["Metric"]["MetricName"] for name, query in queries.items() if name != "backlog"
    } == {
        "waiting": "ApproximateNumberOfMessagesVisible",
        "working": "ApproximateNumberOfMessagesNotVisible",
        "tasks": "DesiredTaskCount",
    }


def test_idle_queue_scales_the_fleet_to_zero(template: Template) -> None:
    """The fleet stops after fifteen minutes without messages or uploads, the longest delay of an idle queue's metrics."""
    sleep = alarm(template, "Sleep")
    assert expression(sleep) == "IF(FILL(waiting, 0) + FILL(working, 0) + FILL(arrivals, 0) > 0, 0, 1)"
    assert (sleep["DatapointsToAlarm"], sleep["EvaluationPeriods"]) == (15, 15)
    step = policy(template, "StepScaling", "Sleep")["StepScalingPolicyConfiguration"]
    assert step["AdjustmentType"] == "ExactCapacity"
    assert [adjustment["ScalingAdjustment"] for adjustment in step["StepAdjustments"]] == [0]


def test_missing_metrics_scale_nothing(template: Template) -> None:
    """Missing data neither wakes nor stops the fleet."""
    alarms = template.properties("AWS::CloudWatch::Alarm")
    assert [properties["TreatMissingData"] for properties in alarms] == ["ignore", "ignore"]


def test_worker_may_protect_itself_and_reach_its_queue_and_buckets_only(template: Template) -> None:
    """The complete list of its permissions, none of them on all resources."""
    (role,) = [
        p["PolicyDocument"]["Statement"]
        for p in template.properties("AWS::IAM::Policy")
        if "TaskRole" in p["Roles"][0]["Ref"]
    ]
    actions = sorted({action for statement in role for action in listed(statement["Action"])})
    assert actions == [
        "ecs:UpdateTaskProtection",
        "s3:Abort*",
        "s3:DeleteObject*",
        "s3:GetBucket*",
        "s3:GetObject*",
        "s3:List*",
        "s3:PutObject",
        "s3:PutObjectLegalHold",
        "s3:PutObjectRetention",
        "s3:PutObjectTagging",
        "s3:PutObjectVersionTagging",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
    ]
    assert "*" not in [resource for statement in role for resource in listed(statement["Resource"])]


def test_worker_cannot_change_a_recording(template: Template) -> None:
    """Workers read recordings and write transcripts."""
    writing = [s for s in statements(template) if any("Put" in a or "Delete" in a for a in listed(s["Action"]))]
    resources = str([s["Resource"] for s in writing if any(a.startswith("s3:") for a in listed(s["Action"]))])
    assert "transcriptsbucket" in resources
    assert "recordingsbucket" not in resources


def test_worker_deletes_its_own_markers_only(template: Template) -> None:
    """A worker can delete neither transcripts nor failure reasons."""
    (deleting,) = [s for s in statements(template) if any("Delete" in a for a in listed(s["Action"]) if "s3" in a)]
    (resource,) = listed(deleting["Resource"])
    assert json.dumps(resource).endswith('"/running/*"]]}')
