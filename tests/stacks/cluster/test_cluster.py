"""Promises of the Cluster stack."""

from collections.abc import Mapping

from stacks.environments import Environment
from tests.stacks.synthesis import Template


def test_cluster_offers_spot_and_on_demand(templates: Mapping[str, Template], environment: Environment) -> None:
    """The API runs on demand, workers on Spot and on demand."""
    template = templates[f"{environment.name}/Cluster"]
    providers = template.only("AWS::ECS::ClusterCapacityProviderAssociations")["CapacityProviders"]
    assert sorted(providers) == ["FARGATE", "FARGATE_SPOT"]


def test_cluster_counts_its_tasks(templates: Mapping[str, Template], environment: Environment) -> None:
    """The workers scale with the task count of Container Insights."""
    cluster = templates[f"{environment.name}/Cluster"].only("AWS::ECS::Cluster")
    assert cluster["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enhanced"}]
