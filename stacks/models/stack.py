from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.environments import Environment, Weights
from stacks.models.model_bucket import ModelBucket
from stacks.models.model_file_system import ModelFileSystem
from stacks.network.task_network import TaskNetwork


class Models(Stack):
    """The model store of an environment whose image does not contain the model."""

    def __init__(self, scope: Construct, *, environment: Environment, network: TaskNetwork) -> None:
        super().__init__(scope, "Models", termination_protection=environment.production)
        self.store: ModelBucket | ModelFileSystem
        if environment.weights is Weights.S3:
            self.store = ModelBucket(self, "Models", retain=environment.production)
            CfnOutput(self, "ModelsBucket", value=self.store.bucket.bucket_name)
        else:
            self.store = ModelFileSystem(self, "Models", network=network, retain=environment.production)
            CfnOutput(self, "FileSystemId", value=self.store.file_system.file_system_id)
            CfnOutput(self, "AccessPointId", value=self.store.access_point.access_point_id)
