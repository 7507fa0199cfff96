from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from constructs import Construct


class ImageRepository(ecr.Repository):
    """Where the service's images are kept: scanned, never overwritten, the newest `keep` of them."""

    def __init__(self, scope: Construct, construct_id: str, *, keep: int, retain: bool) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=ecr.RepositoryEncryption.AES_256,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            lifecycle_rules=[
                ecr.LifecycleRule(tag_status=ecr.TagStatus.UNTAGGED, max_image_age=Duration.days(7)),
                ecr.LifecycleRule(tag_status=ecr.TagStatus.ANY, max_image_count=keep),
            ],
            removal_policy=RemovalPolicy.RETAIN if retain else RemovalPolicy.DESTROY,
            empty_on_delete=not retain,
        )
