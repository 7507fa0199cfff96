from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.environments import Environment
from stacks.network.private_network import PrivateNetwork
from stacks.shared.encryption import customer_key


class Network(Stack):
    """The network of the environment."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        self._zones = [f"{environment.region}{letter}" for letter in environment.network.zones]
        super().__init__(scope, "Network", termination_protection=environment.production)
        self.network = PrivateNetwork(
            self,
            "Private",
            plan=environment.network,
            log_retention=environment.log_retention,
            log_key=customer_key(self, environment=environment),
        )
        CfnOutput(self, "VpcId", value=self.network.vpc.vpc_id)

    @property
    def availability_zones(self) -> list[str]:
        """The zones of the environment. The library would look them up in the account, and use dummies until then."""
        return self._zones
