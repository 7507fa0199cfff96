"""What the batch stack promises."""

from collections.abc import Mapping
from typing import Any

import pytest

from stacks.environments import Environment
from tests.stacks.synthesis import Template, listed, statements


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


def test_workers_run_on_spot(template: Template) -> None:
    """Recordings can wait out an interruption, so that they need not pay for none."""
    strategy = template.only("AWS::ECS::Service")["CapacityProviderStrategy"]
    assert [entry["CapacityProvider"] for entry in strategy] == ["FARGATE_SPOT"]


def test_fleet_goes_from_none_to_what_the_workload_needs(template: Template, environment: Environment) -> None:
    """An idle fleet costs nothing; nobody types how far it may grow, and no deploy sets how many run."""
    target = template.only("AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, environment.plan.batch_max_tasks)
    assert "DesiredCount" not in template.only("AWS::ECS::Service")


def test_first_message_wakes_one_task(template: Template) -> None:
    """One message or one upload, and no task: one task. With tasks, waking never touches their number."""
    wake = alarm(template, "Wake")
    assert expression(wake) == (
        "IF(FILL(waiting, 0) + FILL(working, 0) + FILL(arrivals, 0) > 0 AND FILL(tasks, 0) < 1, 1, 0)"
    )
    assert (wake["Threshold"], wake["EvaluationPeriods"]) == (1, 1)
    step = policy(template, "StepScaling", "Wake")["StepScalingPolicyConfiguration"]
    assert step["AdjustmentType"] == "ExactCapacity"
    assert [adjustment["ScalingAdjustment"] for adjustment in step["StepAdjustments"]] == [1]


def test_fleet_follows_the_backlog_of_each_task(template: Template, environment: Environment) -> None:
    """Messages waiting and in work, divided by tasks, track what the workload allows; no tasks count as one."""
    tracking = policy(template, "TargetTrackingScaling", "Follow")["TargetTrackingScalingPolicyConfiguration"]
    queries = {query["Id"]: query for query in tracking["CustomizedMetricSpecification"]["Metrics"]}
    assert tracking["TargetValue"] == pytest.approx(environment.plan.backlog_per_task, abs=0.01)
    assert [name for name, query in queries.items() if query["ReturnData"]] == ["backlog"]
    assert queries["backlog"]["Expression"] == (
        "(FILL(waiting, 0) + FILL(working, 0)) / IF(FILL(tasks, 0) < 1, 1, FILL(tasks, 0))"
    )
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
    assert sleep["EvaluationPeriods"] * 60 == 15 * 60
    step = policy(template, "StepScaling", "Sleep")["StepScalingPolicyConfiguration"]
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
    """Recordings are read; only transcripts are written, and none is deleted."""
    writing = [s for s in statements(template) if any("Put" in a or "Delete" in a for a in listed(s["Action"]))]
    resources = str([s["Resource"] for s in writing if any(a.startswith("s3:") for a in listed(s["Action"]))])
    assert "Transcripts" in resources
    assert "StoreRecordings" not in resources
