from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from stacks.environments import Environment
from stacks.shared.handover import publish

# The layers of earlier builds, which each build replaces; never deployed, because a task names its image by digest.
CACHE_TAG = "cache"


class ImageRepository(ecr.Repository):
    """Where the service's images are kept: scanned, never overwritten, the newest `images_kept` of them."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=ecr.RepositoryEncryption.AES_256,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE_WITH_EXCLUSION,
            image_tag_mutability_exclusion_filters=[ecr.ImageTagMutabilityExclusionFilter.wildcard(CACHE_TAG)],
            lifecycle_rules=[
                ecr.LifecycleRule(tag_status=ecr.TagStatus.UNTAGGED, max_image_age=Duration.days(7)),
                ecr.LifecycleRule(tag_status=ecr.TagStatus.ANY, max_image_count=environment.images_kept),
            ],
            removal_policy=RemovalPolicy.RETAIN if environment.production else RemovalPolicy.DESTROY,
            empty_on_delete=not environment.production,
        )
        publish(self, environment=environment, repository_name=self.repository_name)
