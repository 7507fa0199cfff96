from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.delivery.proving import allow_proving
from stacks.delivery.recovery import allow_recovery
from stacks.delivery.rights import allow, allow_checking, allow_deploying, allow_reading
from stacks.delivery.trust import of_releases
from stacks.environments import Environment, name_prefix
from stacks.shared.handover import publish
from stacks.shared.images import Images


class ReleaseRole(iam.Role):
    """A role with the permissions of a release in an environment; only the steps of one line of releases may assume it.

    It reads images. If the environment receives images, it also stores them, deploys them through the roles of
    `cdk bootstrap`, and checks the deployed services.

    Args:
        by: name of the environment that releases come from.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, by: str, images: Images, environment: Environment
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            assumed_by=of_releases(scope, by=by, environment=environment),
            description=f"Taken by releases of {by}",
            # AWS limits role chaining to sessions of one hour.
            max_session_duration=Duration.hours(1),
        )
        allow_reading(self, images=images, environment=environment)
        if environment.images_from:
            images.repository.grant_push(self)
            self._copy(environment.images_from)
            allow_deploying(self, self, images=images)
            allow_proving(self, environment=environment)
            allow_checking(self, environment=environment)
            allow_recovery(self, environment)
        publish(self, parameter_path=environment.parameter, release_role_arn=self.role_arn)

    def _copy(self, images_from: str) -> None:
        """Read the source repository, if it is in this account: one login then works for both repositories."""
        source = Stack.of(self).format_arn(
            service="ecr", resource="repository", resource_name=f"{name_prefix(images_from)}-registry-*"
        )
        reading = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
        allow(self, *reading, on=[source], because="AWS chooses the name of the source environment's repository")
