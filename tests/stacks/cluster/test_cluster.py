"""Promises of the Cluster stack."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from stacks.environments import Environment
from tests.stacks.factory import FORGE
from tests.stacks.synthesis import Template, synthesize


def test_cluster_offers_spot_and_on_demand(templates: Mapping[str, Template], environment: Environment) -> None:
    """The API runs on demand, workers on Spot and on demand."""
    template = templates[f"{environment.name}/Cluster"]
    providers = template.only("AWS::ECS::ClusterCapacityProviderAssociations")["CapacityProviders"]
    assert sorted(providers) == ["FARGATE", "FARGATE_SPOT"]


def test_cluster_counts_its_tasks(templates: Mapping[str, Template], environment: Environment) -> None:
    """The workers scale with the task count of Container Insights; its enhanced metrics are a choice."""
    cluster = templates[f"{environment.name}/Cluster"].only("AWS::ECS::Cluster")
    value = "enhanced" if environment.enhanced_insights else "enabled"
    assert cluster["ClusterSettings"] == [{"Name": "containerInsights", "Value": value}]


def test_cluster_has_enhanced_insights_if_the_environment_asks_for_them(tmp_path: Path) -> None:
    """They are billed for each task and container."""
    cluster = synthesize([replace(FORGE, enhanced_insights=True)], tmp_path)["forge/Cluster"].only("AWS::ECS::Cluster")
    assert cluster["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enhanced"}]
