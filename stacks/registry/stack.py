from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.environments import Environment
from stacks.registry.image_repository import ImageRepository


class Registry(Stack):
    """The image repository, in a stack of its own because it must exist before the first image."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "Registry", termination_protection=environment.production)
        self.repository = ImageRepository(
            self,
            "Images",
            images_kept=environment.images_kept,
            retain=environment.production,
            parameter_path=environment.parameter,
        )
        CfnOutput(self, "RepositoryUri", value=self.repository.repository_uri)
