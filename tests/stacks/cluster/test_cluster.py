"""Promises of the Cluster stack."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.environments import Environment, Weights
from tests.stacks.factory import CLUSTER, FORGE, TRIAL
from tests.stacks.synthesis import Template, statements, synthesize


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The cluster stack of each environment that makes its cluster."""
    if environment.cluster:
        pytest.skip("its cluster exists")
    return templates[f"{environment.name}/Cluster"]


def test_cluster_offers_spot_and_on_demand(template: Template) -> None:
    """The API runs on demand, workers on Spot and on demand."""
    providers = template.only("AWS::ECS::ClusterCapacityProviderAssociations")["CapacityProviders"]
    assert sorted(providers) == ["FARGATE", "FARGATE_SPOT"]


def test_cluster_counts_its_tasks(template: Template, environment: Environment) -> None:
    """The workers scale with the task count of Container Insights; its enhanced metrics are a choice."""
    cluster = template.only("AWS::ECS::Cluster")
    value = "enhanced" if environment.enhanced_insights else "enabled"
    assert cluster["ClusterSettings"] == [{"Name": "containerInsights", "Value": value}]


def test_cluster_has_enhanced_insights_if_the_environment_asks_for_them(tmp_path: Path) -> None:
    """They are billed for each task and container."""
    cluster = synthesize([replace(FORGE, enhanced_insights=True)], tmp_path)["forge/Cluster"].only("AWS::ECS::Cluster")
    assert cluster["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enhanced"}]


def test_existing_cluster_is_named_everywhere_and_not_changed(tmp_path: Path) -> None:
    """Services, metrics, roles and outputs have its name; the gate and the workers' protection, its tasks."""
    templates = synthesize([replace(TRIAL, cluster=CLUSTER, weights=Weights.EFS)], tmp_path)
    stacks = {name.removeprefix("trial/"): template for name, template in templates.items()}
    assert stacks["Cluster"].body["Outputs"]["ClusterName"]["Value"] == CLUSTER
    assert "AWS::ECS::ClusterCapacityProviderAssociations" not in {k for t in stacks.values() for k in t.kinds()}
    for stack in ("Api", "Batch"):
        assert {service["Cluster"] for service in stacks[stack].properties("AWS::ECS::Service")} == {CLUSTER}
        for target in stacks[stack].properties("AWS::ApplicationAutoScaling::ScalableTarget"):
            assert f"service/{CLUSTER}/" in str(target)
    for stack, action in (("Batch", "ecs:UpdateTaskProtection"), ("Gate", "ecs:StopTask"), ("People", "ecs:StopTask")):
        (resource,) = {
            str(statement["Resource"]) for statement in statements(stacks[stack]) if action in statement["Action"]
        }
        assert f":task/{CLUSTER}/*" in resource
    assert f":cluster/{CLUSTER}" in str(stacks["Gate"].body["Outputs"]["Cluster"]["Value"])


def test_operator_restarts_services_and_stops_tasks_of_the_environment_only(line: Mapping[str, Template]) -> None:
    """A cluster may hold those of others: services with other names, and tasks with other tags."""
    found = statements(line["trial/People"])
    (update,) = (statement for statement in found if "ecs:UpdateService" in statement["Action"])
    (stop,) = (statement for statement in found if "ecs:StopTask" in statement["Action"])
    assert str(update["Resource"]).endswith("/whisper-trial-*']]}")
    assert stop["Condition"]["StringEquals"] == {
        "aws:ResourceTag/application": "whisper",
        "aws:ResourceTag/environment": "trial",
    }
