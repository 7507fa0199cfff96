from aws_cdk import Duration
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from stacks.shared.handover import ParameterPath, publish
from stacks.shared.removal import removal

# Tag of the build cache. Every build overwrites it; it is never deployed, because tasks name images by digest.
CACHE_TAG = "cache"


class ImageRepository(ecr.Repository):
    """The repository of the service's images: scanned on push, immutable tags, the newest `images_kept` are kept."""

    def __init__(
        self, scope: Construct, construct_id: str, *, images_kept: int, retain: bool, parameter_path: ParameterPath
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=ecr.RepositoryEncryption.AES_256,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE_WITH_EXCLUSION,
            image_tag_mutability_exclusion_filters=[ecr.ImageTagMutabilityExclusionFilter.wildcard(CACHE_TAG)],
            lifecycle_rules=[
                ecr.LifecycleRule(tag_status=ecr.TagStatus.UNTAGGED, max_image_age=Duration.days(7)),
                ecr.LifecycleRule(tag_status=ecr.TagStatus.ANY, max_image_count=images_kept),
            ],
            removal_policy=removal(retain=retain),
            empty_on_delete=not retain,
        )
        publish(self, parameter_path=parameter_path, repository_name=self.repository_name)
