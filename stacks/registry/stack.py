from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.environments import Environment
from stacks.registry.image_repository import BaseImages, BuildCache, ImageRepository
from stacks.shared.handover import publish


class Registry(Stack):
    """The image repositories, in a stack of their own because they must exist before the first image."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "Registry", termination_protection=environment.production)
        parameter_path = environment.parameter
        self.repository = ImageRepository(
            self,
            "Images",
            images_kept=environment.images_kept,
            retain=environment.production,
            parameter_path=parameter_path,
        )
        CfnOutput(self, "RepositoryUri", value=self.repository.repository_uri)
        if environment.images_from:
            return
        cache = BuildCache(self, "Cache")
        CfnOutput(self, "CacheUri", value=cache.repository_uri)
        if not environment.commits:
            return
        publish(cache, parameter_path=parameter_path, cache_repository_name=cache.repository_name)
        if environment.commits.base:
            image = environment.commits.base_name
            base = BaseImages(self, "Base", image=image, prefix=environment.prefix, parameter_path=parameter_path)
            CfnOutput(self, "BaseUri", value=base.repository_uri)
