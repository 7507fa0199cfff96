"""Promises of the Batch stack."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.capacity import Prices
from stacks.environments import Environment, Weights
from stacks.environments.costs import month
from tests.stacks.factory import LIVE
from tests.stacks.synthesis import Template, listed, statements, synthesize


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The batch stack of each environment."""
    return templates[f"{environment.name}/Batch"]


def test_workers_run_on_spot(template: Template, environment: Environment) -> None:
    """Recordings can wait for another worker after an interruption; on demand run those that were asked for."""
    strategy = template.only("AWS::ECS::Service", of="Workers")["CapacityProviderStrategy"]
    providers = ["FARGATE_SPOT", "FARGATE"] if environment.on_demand_workers else ["FARGATE_SPOT"]
    assert [entry["CapacityProvider"] for entry in strategy] == providers


def test_first_workers_run_on_demand_if_the_environment_asks_for_it(tmp_path: Path) -> None:
    """ECS does not fall back from Spot to on demand, so the base continues when Spot has no capacity."""
    relief = replace(LIVE, on_demand_workers=3)
    service = synthesize([relief], tmp_path)["live/Batch"].only("AWS::ECS::Service", of="Workers")
    assert service["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 1},
        {"CapacityProvider": "FARGATE", "Base": 3, "Weight": 0},
    ]


def test_cost_rises_with_the_share_of_on_demand_workers() -> None:
    """The service's cost metric and the monthly estimate include the more expensive tasks."""
    half = replace(LIVE, on_demand_workers=LIVE.plan.batch_max_tasks // 2, on_demand_vcpus=1000)
    prices = Prices.read()
    spot, mixed = (e.worker_settings(queue_url="", recordings_bucket="", transcripts_bucket="") for e in (LIVE, half))
    assert spot.dollars_per_hour < mixed.dollars_per_hour < LIVE.api_settings.dollars_per_hour
    assert month(LIVE, prices) < month(half, prices)


def test_worker_has_time_to_return_its_messages(template: Template, environment: Environment) -> None:
    """Spot reclaims a task with two minutes' notice, and the worker may use all of it."""
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["StopTimeout"] == min(120, environment.settings.job_deadline_seconds)


def test_workers_that_do_not_start_are_rolled_back(template: Template) -> None:
    """The circuit breaker rolls back. A deployment stops old workers first, so that it needs no quota for two fleets."""
    for service in template.properties("AWS::ECS::Service"):
        deployment = service["DeploymentConfiguration"]
        assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
        assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)


def test_fleet_scales_from_zero_to_the_limit_of_the_plan(template: Template, environment: Environment) -> None:
    """An idle fleet costs nothing, the plan limits it, and a deployment does not set its size."""
    target = template.only("AWS::ApplicationAutoScaling::ScalableTarget", of="Workers")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, environment.plan.batch_max_tasks)
    assert "DesiredCount" not in template.only("AWS::ECS::Service", of="Workers")


# What a task may do to reach a model beside its image.
TO_MODELS = {
    Weights.IMAGE: set[str](),
    Weights.S3: {"s3:GetObject", "s3:ListBucket"},
    Weights.EFS: {"elasticfilesystem:ClientMount"},
}


def test_worker_may_protect_itself_and_reach_its_queue_and_buckets_only(
    template: Template, environment: Environment
) -> None:
    """The complete list of its permissions, none of them on all resources."""
    (role,) = [
        p["PolicyDocument"]["Statement"]
        for p in template.properties("AWS::IAM::Policy")
        if "TaskRole" in p["Roles"][0]["Ref"]
    ]
    actions = {action for statement in role for action in listed(statement["Action"])}
    assert TO_MODELS[environment.weights] <= actions
    assert sorted(actions - TO_MODELS[environment.weights]) == [
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
