from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.environments import Environment
from stacks.gate.keeper import Keeper
from stacks.gate.release_gate import GOLDEN, REPORTS, VERB, ReleaseGate
from stacks.models.model_store import ModelStore
from stacks.network.task_network import TaskNetwork
from stacks.shared.encryption import customer_key, grant_customer_key
from stacks.shared.handover import published
from stacks.shared.images import Images
from stacks.tasks.image_digest import ImageDigest
from stacks.tasks.service_task import ServiceTask


class Gate(Stack):
    """The release gate, in the environment that releases reach first."""

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        models: ModelStore,
    ) -> None:
        super().__init__(scope, "Gate", termination_protection=environment.production)
        task = ServiceTask(
            self,
            "Measure",
            verb=VERB,
            settings=models.locate(environment.gate_settings),
            environment=environment,
            images=Images(self, "Images", parameter_path=environment.parameter),
            digest=ImageDigest(self),
        )
        gate = ReleaseGate(
            self,
            "Gate",
            network=network,
            cluster=cluster,
            task=task,
            key=customer_key(self, environment=environment),
            release_role_arn=published(self, path=environment.parameter("release-role-arn")),
        )
        models.serve(task, service=gate)
        keeper = Keeper(
            self,
            "Keeper",
            principal_arn=published(self, path=environment.parameter("releaser-principal-arn")),
            bucket=gate.bucket,
            golden=GOLDEN,
            latest=f"{REPORTS}/latest.json",
        )
        grant_customer_key(keeper, environment=environment)
        CfnOutput(self, "KeeperRoleArn", value=keeper.role_arn)
