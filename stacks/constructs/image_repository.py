from aws_cdk import Aws, Duration, RemovalPolicy
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

    @property
    def host(self) -> str:
        """The registry that the repository is in."""
        return f"{Aws.ACCOUNT_ID}.dkr.ecr.{Aws.REGION}.{Aws.URL_SUFFIX}"

    @property
    def uri(self) -> str:
        """Where images are pulled from, for stacks of the same account and region.

        The library's own cuts the repository's ARN into pieces, which cfn-lint refuses across stacks.
        """
        return f"{self.host}/{self.repository_name}"
