from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.environments import Environment
from stacks.network.task_network import TaskNetwork
from stacks.shared.empty_template import nothing_made


class Cluster(Stack):
    """The cluster of both services, with Fargate and Fargate Spot, made here or by its owner."""

    cluster: ecs.ICluster

    def __init__(self, scope: Construct, *, environment: Environment, network: TaskNetwork) -> None:
        super().__init__(scope, "Cluster", termination_protection=environment.production)
        if environment.cluster:
            self.cluster = ecs.Cluster.from_cluster_attributes(
                self, "Cluster", cluster_name=environment.cluster, vpc=network.vpc, has_ec2_capacity=False
            )
            nothing_made(self)
        else:
            self.cluster = self._new(network, enhanced_insights=environment.enhanced_insights)
        CfnOutput(self, "ClusterName", value=self.cluster.cluster_name)

    def _new(self, network: TaskNetwork, *, enhanced_insights: bool) -> ecs.Cluster:
        # Its task counts are an input of the workers' scaling. Enhanced insights are billed for each task, too.
        insights = ecs.ContainerInsights.ENHANCED if enhanced_insights else ecs.ContainerInsights.ENABLED
        return ecs.Cluster(
            self,
            "Cluster",
            vpc=network.vpc,
            enable_fargate_capacity_providers=True,
            container_insights_v2=insights,
        )
