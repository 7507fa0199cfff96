from aws_cdk import CfnOutput, Stack
from aws_cdk.aws_ssm import StringParameter
from constructs import Construct

from stacks.constructs.delivery_pipeline import DeliveryPipeline
from stacks.constructs.image_repository import Images
from stacks.environments import Environment


class Delivery(Stack):
    """From a commit on the environment's branch to the environment."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "Delivery", termination_protection=environment.production)
        connection = environment.parameter("source-connection-arn")
        source = environment.parameter("source-repository")
        self.delivery = DeliveryPipeline(
            self,
            "Delivery",
            connection_arn=StringParameter.value_for_string_parameter(self, connection),
            source=StringParameter.value_for_string_parameter(self, source),
            images=Images(self, "Images", environment=environment),
            environment=environment,
        )
        CfnOutput(self, "PipelineName", value=self.delivery.pipeline.pipeline_name)
