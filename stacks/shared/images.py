from aws_cdk import Aws
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.shared.handover import ParameterPath, published


class Images(Construct):
    """The image repository of an environment, for the stacks that pull from it or push to it.

    Attributes:
        repository: looked up by the name that the registry stack published.
        host: of the registry, without the repository.
        uri: of the repository, without tag or digest.
    """

    def __init__(self, scope: Construct, construct_id: str, *, parameter_path: ParameterPath) -> None:
        super().__init__(scope, construct_id)
        name = published(self, path=parameter_path("repository-name"))
        self.repository = ecr.Repository.from_repository_name(self, "Repository", name)
        self.host = f"{Aws.ACCOUNT_ID}.dkr.ecr.{Aws.REGION}.{Aws.URL_SUFFIX}"
        self.uri = f"{self.host}/{name}"

    def grant_pull(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow a principal to pull images."""
        return self.repository.grant_pull(grantee)
