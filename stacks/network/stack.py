from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.environments import Environment, ExistingNetwork
from stacks.network.imported_network import ImportedNetwork
from stacks.network.private_network import PrivateNetwork
from stacks.network.task_network import TaskNetwork
from stacks.shared.empty_template import nothing_made
from stacks.shared.encryption import customer_key


class Network(Stack):
    """The network of the environment, made here or by its owner."""

    network: TaskNetwork

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        plan = environment.network
        self._zones = [f"{environment.region}{letter}" for letter in plan.zones]
        super().__init__(scope, "Network", termination_protection=environment.production)
        if isinstance(plan, ExistingNetwork):
            self.network = ImportedNetwork(self, "Imported", network=plan)
            nothing_made(self)
        else:
            key = customer_key(self, environment=environment)
            self.network = PrivateNetwork(
                self, "Private", plan=plan, log_retention=environment.log_retention, log_key=key
            )
            CfnOutput(self, "VpcId", value=self.network.vpc.vpc_id)

    @property
    def availability_zones(self) -> list[str]:
        """The zones of the environment. The library would look them up in the account, and use dummies until then."""
        return self._zones
