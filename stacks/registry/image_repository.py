from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.environments.environment import Environment
from stacks.shared.handover import publish, published

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


class Images(Construct):
    """An environment's image repository as the stacks see it that pull from it and push to it.

    Attributes:
        repository: found by the name that its own stack published.
        host: the registry that the repository is in.
        uri: where images are pulled from, without tag or digest.
    """

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        name = published(self, environment=environment, name="repository-name")
        self.repository = ecr.Repository.from_repository_name(self, "Repository", name)
        self.host = f"{Aws.ACCOUNT_ID}.dkr.ecr.{Aws.REGION}.{Aws.URL_SUFFIX}"
        self.uri = f"{self.host}/{name}"

    def grant_pull(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody run the images."""
        return self.repository.grant_pull(grantee)
