from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.constructs.private_network import PrivateNetwork
from stacks.environments import Environment


class Network(Stack):
    """The environment's own network."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "Network", termination_protection=environment.production)
        plan = environment.network
        self.network = PrivateNetwork(self, "Private", cidr=plan.cidr, zones=plan.zones, egress=plan.egress)
        CfnOutput(self, "VpcId", value=self.network.vpc.vpc_id)
