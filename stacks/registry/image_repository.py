"""The repositories of the service's images, of the layers that builds reuse, and of the image that they begin with."""

from aws_cdk import Duration
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from stacks.environments import RUNNING
from stacks.shared.handover import ParameterPath, publish
from stacks.shared.removal import removal

# More than there are stacks that run an image: the rule selects these images, so that no later one does, and expires none.
MORE_THAN_RUN = 100
OLD_LAYERS = Duration.days(7)
# The registry without limits for anonymous pulls; its public Python image is Docker's own.
UPSTREAM = "public.ecr.aws"


class ImageRepository(ecr.Repository):
    """The repository of the service's images: scanned on push, immutable tags, the newest `images_kept` are kept.

    An image that a stack runs is kept whatever its age: it matches a rule that comes before that of the newest.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, images_kept: int, retain: bool, parameter_path: ParameterPath
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=ecr.RepositoryEncryption.AES_256,
            image_scan_on_push=True,
            # The tags of what runs move from image to image.
            image_tag_mutability=ecr.TagMutability.IMMUTABLE_WITH_EXCLUSION,
            image_tag_mutability_exclusion_filters=[ecr.ImageTagMutabilityExclusionFilter.wildcard(f"{RUNNING}*")],
            lifecycle_rules=[
                ecr.LifecycleRule(tag_prefix_list=[RUNNING], max_image_count=MORE_THAN_RUN),
                ecr.LifecycleRule(tag_status=ecr.TagStatus.UNTAGGED, max_image_age=OLD_LAYERS),
                ecr.LifecycleRule(tag_status=ecr.TagStatus.ANY, max_image_count=images_kept),
            ],
            removal_policy=removal(retain=retain),
            empty_on_delete=not retain,
        )
        publish(self, parameter_path=parameter_path, repository_name=self.repository_name)


class Expendable(ecr.Repository):
    """A repository of which nothing is deployed: its tags may move, and it goes with its stack."""

    def __init__(self, scope: Construct, construct_id: str, *, repository_name: str | None = None) -> None:
        super().__init__(
            scope,
            construct_id,
            repository_name=repository_name,
            encryption=ecr.RepositoryEncryption.AES_256,
            image_tag_mutability=ecr.TagMutability.MUTABLE,
            lifecycle_rules=[ecr.LifecycleRule(tag_status=ecr.TagStatus.UNTAGGED, max_image_age=OLD_LAYERS)],
            removal_policy=removal(retain=False),
            empty_on_delete=True,
        )


class BuildCache(Expendable):
    """The layers of earlier builds, apart from the images: what a build overwrites is never deployed."""


class BaseImages(Expendable):
    """The image that the service's begins with, which ECR fetches from ECR Public when a build asks for it.

    Its name is that of the rule's prefix and of the image there: ECR looks for it by name. A repository of the stack's
    own goes with the stack, unlike the one that ECR would make.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, image: str, prefix: str, parameter_path: ParameterPath
    ) -> None:
        super().__init__(scope, construct_id, repository_name=f"{prefix}/{image}")
        ecr.CfnPullThroughCacheRule(self, "Upstream", ecr_repository_prefix=prefix, upstream_registry_url=UPSTREAM)
        publish(self, parameter_path=parameter_path, base_repository_name=self.repository_name)
