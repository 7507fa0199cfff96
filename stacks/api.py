from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk.aws_ssm import StringParameter
from constructs import Construct

from stacks.constructs.image_digest import ImageDigest
from stacks.constructs.image_repository import ImageRepository
from stacks.constructs.inference_api import InferenceApi
from stacks.constructs.private_network import PrivateNetwork
from stacks.constructs.service_task import ServiceTask
from stacks.environments import Environment


class Api(Stack):
    """Transcription over HTTP for internal tools."""

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        network: PrivateNetwork,
        cluster: ecs.ICluster,
        repository: ImageRepository,
    ) -> None:
        super().__init__(scope, "Api", termination_protection=environment.production)
        certificate = environment.parameter("certificate-arn")
        self.api = InferenceApi(
            self,
            "Api",
            network=network,
            cluster=cluster,
            task=ServiceTask(
                self,
                "Task",
                verb="api",
                settings=environment.api_settings,
                environment=environment,
                repository=repository,
                digest=ImageDigest(self),
            ),
            plan=environment.plan,
            clients=environment.network.clients,
            certificate_arn=StringParameter.value_for_string_parameter(self, certificate) if environment.tls else None,
        )
        CfnOutput(self, "Url", value=self.api.url)
