"""What the batch stack promises."""

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
    """The configuration of one scaling policy, found by its name's end."""
    policies = template.properties("AWS::ApplicationAutoScaling::ScalingPolicy")
    (found,) = [p for p in policies if p["PolicyType"] == kind and name in p["PolicyName"]]
    return found


def alarm(template: Template, name: str) -> dict[str, Any]:
    """The alarm that sets the fleet off; found by its expression's label."""
    (found,) = [
        properties
        for properties in template.properties("AWS::CloudWatch::Alarm")
        if name in [query.get("Label") for query in properties["Metrics"]]
    ]
    return found


def expression(properties: dict[str, Any]) -> str:
    """The arithmetic of an alarm."""
    (text,) = [query["Expression"] for query in properties["Metrics"] if "Expression" in query]
    return str(text)


def evaluate(formula: str, minute: Mapping[str, float]) -> float | None:
    """CloudWatch's arithmetic for one minute; None where a metric without a filling is missing."""
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
    """Recordings can wait out an interruption, so that they need not pay for none."""
    strategy = template.only("AWS::ECS::Service")["CapacityProviderStrategy"]
    assert [entry["CapacityProvider"] for entry in strategy] == ["FARGATE_SPOT"]


def test_first_workers_run_on_demand_where_the_environment_says_so(tmp_path: Path) -> None:
    """AWS does not replace Spot by on demand when Spot has none: the base goes on, and the rest stays cheap."""
    (prod,) = select("prod")
    relief = replace(prod, on_demand_workers=3)
    strategy = synthesize([relief], tmp_path)["prod/Batch"].only("AWS::ECS::Service")["CapacityProviderStrategy"]
    assert strategy == [
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 1},
        {"CapacityProvider": "FARGATE", "Base": 3, "Weight": 0},
    ]


def test_worker_costs_more_the_more_of_the_fleet_is_on_demand() -> None:
    """The service's cost metric and the monthly estimate know of the dearer tasks."""
    (prod,) = select("prod")
    half = replace(prod, on_demand_workers=prod.plan.batch_max_tasks // 2, on_demand_vcpus=1000)
    prices = Prices.read()
    spot, mixed = (e.worker_settings(queue_url="", recordings_bucket="", transcripts_bucket="") for e in (prod, half))
    assert spot.dollars_per_hour < mixed.dollars_per_hour < prod.api_settings.dollars_per_hour
    assert month(prod, prices) < month(half, prices)


def test_worker_has_time_to_hand_its_message_back(template: Template) -> None:
    """Spot takes a task with two minutes' notice: all of it is the worker's."""
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["StopTimeout"] == 120


def test_workers_that_do_not_start_are_rolled_back(template: Template) -> None:
    """The circuit breaker goes back by itself; nobody waits on a worker, so that a deploy may stop the idle ones first."""
    deployment = template.only("AWS::ECS::Service")["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 200)


def test_fleet_goes_from_none_to_what_the_workload_needs(template: Template, environment: Environment) -> None:
    """An idle fleet costs nothing; nobody types how far it may grow, and no deploy sets how many run."""
    target = template.only("AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, environment.plan.batch_max_tasks)
    assert "DesiredCount" not in template.only("AWS::ECS::Service")


def test_first_message_wakes_one_task(template: Template) -> None:
    """One message or one upload in any of the last three minutes, nobody at work, and no task: one more task."""
    wake = alarm(template, "Wake")
    assert expression(wake) == (
        "IF(FILL(waiting, 0) + FILL(working, 0) + FILL(arrivals, 0) > 0"
        " AND FILL(working, 0) < 1 AND FILL(tasks, 0) < 1, 1, 0)"
    )
    # The newest minute may lack what was not reported yet; a single upload is seen in one minute only.
    assert (wake["Threshold"], wake["DatapointsToAlarm"], wake["EvaluationPeriods"]) == (1, 1, 3)
    step = policy(template, "StepScaling", "Wake")["StepScalingPolicyConfiguration"]
    assert [adjustment["ScalingAdjustment"] for adjustment in step["StepAdjustments"]] == [1]
    # Else the minutes before the task was asked for would ask for another.
    assert step["Cooldown"] > wake["EvaluationPeriods"] * 60


def test_waking_never_shrinks_a_fleet(template: Template) -> None:
    """Numbers that come late look like no task at all: setting the fleet to one would stop those at work."""
    step = policy(template, "StepScaling", "Wake")["StepScalingPolicyConfiguration"]
    assert step["AdjustmentType"] == "ChangeInCapacity"
    assert all(adjustment["ScalingAdjustment"] > 0 for adjustment in step["StepAdjustments"])


@pytest.mark.parametrize(
    ("case", "wakes"),
    [
        ({"arrivals": 1}, True),  # an upload to a queue that was idle for hours and reports nothing yet
        ({"waiting": 1, "working": 0, "tasks": 0}, True),
        ({"waiting": 1, "working": 0, "tasks": 1}, False),  # asked for, and still starting
        ({"waiting": 9, "working": 3}, False),  # the number of tasks is late, and somebody works
        ({"arrivals": 9, "tasks": 3}, False),  # the queue is late, and tasks run
        ({"waiting": 0, "working": 0, "tasks": 0}, False),
        ({}, False),
    ],
    ids=str,
)
def test_minute_wakes(template: Template, case: dict[str, float], *, wakes: bool) -> None:
    """A minute with something to do wakes the fleet where nobody is there, and numbers that are late wake nobody."""
    assert evaluate(expression(alarm(template, "Wake")), case) == wakes


@pytest.mark.parametrize("late", ["waiting", "working", "tasks"])
def test_minute_that_is_not_reported_moves_nothing(template: Template, late: str) -> None:
    """A fleet of eight with a backlog of forty: five each, or no number at all."""
    tracking = policy(template, "TargetTrackingScaling", "Follow")["TargetTrackingScalingPolicyConfiguration"]
    (formula,) = [q["Expression"] for q in tracking["CustomizedMetricSpecification"]["Metrics"] if "Expression" in q]
    minute = {"waiting": 32.0, "working": 8.0, "tasks": 8.0}
    assert evaluate(formula, minute) == 5
    del minute[late]
    assert evaluate(formula, minute) is None


def test_fleet_follows_the_backlog_of_each_task(template: Template, environment: Environment) -> None:
    """Messages waiting and in work, divided by tasks, track what the workload allows; no tasks count as one.

    A minute in which one of them is missing moves nothing: a gap that counted as no task would look like a flood.
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


def test_quiet_queue_puts_the_fleet_to_sleep(template: Template) -> None:
    """No task stays once nothing waited, was in work or arrived for as long as an idle queue's numbers may be late."""
    sleep = alarm(template, "Sleep")
    assert expression(sleep) == "IF(FILL(waiting, 0) + FILL(working, 0) + FILL(arrivals, 0) > 0, 0, 1)"
    assert (sleep["DatapointsToAlarm"], sleep["EvaluationPeriods"]) == (15, 15)
    step = policy(template, "StepScaling", "Sleep")["StepScalingPolicyConfiguration"]
    assert step["AdjustmentType"] == "ExactCapacity"
    assert [adjustment["ScalingAdjustment"] for adjustment in step["StepAdjustments"]] == [0]


def test_missing_numbers_scale_nothing(template: Template) -> None:
    """A gap in the metrics neither wakes nor stops the fleet."""
    alarms = template.properties("AWS::CloudWatch::Alarm")
    assert [properties["TreatMissingData"] for properties in alarms] == ["ignore", "ignore"]


def test_worker_may_protect_itself_and_reach_its_queue_and_buckets_only(template: Template) -> None:
    """Everything that the task may do, and nothing else: no action for all, no resource for all."""
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
    """Recordings are read; only transcripts are written."""
    writing = [s for s in statements(template) if any("Put" in a or "Delete" in a for a in listed(s["Action"]))]
    resources = str([s["Resource"] for s in writing if any(a.startswith("s3:") for a in listed(s["Action"]))])
    assert "transcriptsbucket" in resources
    assert "recordingsbucket" not in resources


def test_worker_deletes_only_what_says_that_it_is_at_work(template: Template) -> None:
    """No transcript is ever deleted by a worker, nor a reason why there is none."""
    (deleting,) = [s for s in statements(template) if any("Delete" in a for a in listed(s["Action"]) if "s3" in a)]
    (resource,) = listed(deleting["Resource"])
    assert json.dumps(resource).endswith('"/running/*"]]}')
