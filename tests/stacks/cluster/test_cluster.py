"""What the cluster stack promises."""

from collections.abc import Mapping

from stacks.environments import Environment
from tests.stacks.synthesis import Template


def test_cluster_offers_spot_and_on_demand(templates: Mapping[str, Template], environment: Environment) -> None:
    """Both kinds of Fargate are there for the services to choose from."""
    template = templates[f"{environment.name}/Cluster"]
    providers = template.only("AWS::ECS::ClusterCapacityProviderAssociations")["CapacityProviders"]
    assert sorted(providers) == ["FARGATE", "FARGATE_SPOT"]


def test_cluster_counts_its_tasks(templates: Mapping[str, Template], environment: Environment) -> None:
    """Without Container Insights there is no number of tasks, and the workers would not scale."""
    cluster = templates[f"{environment.name}/Cluster"].only("AWS::ECS::Cluster")
    assert cluster["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enhanced"}]
