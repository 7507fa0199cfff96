from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.environments import Environment
from stacks.network.private_network import PrivateNetwork


class Cluster(Stack):
    """The cluster of both services, with Fargate and Fargate Spot."""

    def __init__(self, scope: Construct, *, environment: Environment, network: PrivateNetwork) -> None:
        super().__init__(scope, "Cluster", termination_protection=environment.production)
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            vpc=network.vpc,
            enable_fargate_capacity_providers=True,
            # Its task counts are an input of the workers' scaling. Enhanced insights are billed for each task, too.
            container_insights_v2=(
                ecs.ContainerInsights.ENHANCED if environment.enhanced_insights else ecs.ContainerInsights.ENABLED
            ),
        )
        CfnOutput(self, "ClusterName", value=self.cluster.cluster_name)
