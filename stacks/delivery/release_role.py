from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.environments import Environment, name_prefix
from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.shared.bootstrap import bootstrap_roles
from stacks.shared.handover import publish, published
from stacks.shared.images import Images

NO_LESS = "AWS supports no narrower resource"


class ReleaseRole(iam.Role):
    """A role with the permissions of a release in an environment; only projects of one release pipeline may assume it.

    It reads images. If the environment receives images, it also stores them, deploys them through the roles of
    `cdk bootstrap`, and checks the deployed services.

    Args:
        by: name of the environment that has the release pipeline.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, by: str, images: Images, environment: Environment
    ) -> None:
        own = by == environment.name
        account = Aws.ACCOUNT_ID if own else published(scope, path=environment.parameter("release-account"))
        # The name of a role that CloudFormation chooses begins with the name of its stack.
        projects = f"arn:{Aws.PARTITION}:iam::{account}:role/{name_prefix(by)}-Delivery-*"
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.AccountPrincipal(account).with_conditions({"ArnLike": {"aws:PrincipalArn": projects}}),
            description=f"Taken by releases of {by}",
            # AWS limits role chaining to sessions of one hour.
            max_session_duration=Duration.hours(1),
        )
        images.repository.grant_pull(self)
        images.repository.grant(self, "ecr:DescribeImages")
        acknowledge_wildcards(self, resources=["*"], reason="AWS grants registry login on all resources only")
        self._describe_stacks(environment)
        if environment.images_from:
            images.repository.grant_push(self)
            self._copy(environment.images_from)
            self.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=bootstrap_roles(self)))
            self._check(environment)
        publish(self, parameter_path=environment.parameter, release_role_arn=self.role_arn)

    def _describe_stacks(self, environment: Environment) -> None:
        """Find the resources of the environment's stacks."""
        stacks = self._arn("cloudformation", "stack", environment.stack_name("*/*"))
        self._may("cloudformation:DescribeStacks", "cloudformation:DescribeStackResources", on=stacks)
        acknowledge_wildcards(self, resources=[stacks], reason="AWS chooses the ids of this environment's stacks")

    def _copy(self, images_from: str) -> None:
        """Read the source repository, if it is in this account: one login then works for both repositories."""
        source = self._arn("ecr", "repository", f"{name_prefix(images_from)}-registry-*")
        self._may("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", on=source)
        acknowledge_wildcards(
            self, resources=[source], reason="AWS chooses the name of the source environment's repository"
        )

    def _check(self, environment: Environment) -> None:
        """Check services, target health and alarms."""
        services = self._arn("ecs", "service", environment.stack_name("*"))
        self._may("ecs:DescribeServices", on=services)
        acknowledge_wildcards(self, resources=[services], reason="AWS chooses the names of this environment's services")
        self._may("elasticloadbalancing:DescribeTargetHealth", "cloudwatch:DescribeAlarms", on="*")
        acknowledge_wildcards(self, resources=["*"], reason=NO_LESS)

    def _may(self, *actions: str, on: str) -> None:
        self.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=[on]))

    def _arn(self, service: str, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(service=service, resource=resource, resource_name=name)
