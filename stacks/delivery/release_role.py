from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.environments import Environment, name_prefix
from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.shared.bootstrap import bootstrap_roles
from stacks.shared.handover import publish, published
from stacks.shared.images import Images

NO_LESS = "AWS offers it for no narrower resource"


class ReleaseRole(iam.Role):
    """What a release may do in an environment; the projects of one release pipeline take it, and nobody else.

    Where images are built it reads them. Where they are brought it stores them, deploys them through the roles of the
    CDK's bootstrap, and looks whether what was deployed works.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, by: str, images: Images, environment: Environment
    ) -> None:
        own = by == environment.name
        account = Aws.ACCOUNT_ID if own else published(scope, path=environment.parameter("release-account"))
        # CloudFormation begins the name of a role with that of its stack.
        projects = f"arn:{Aws.PARTITION}:iam::{account}:role/{name_prefix(by)}-Delivery-*"
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.AccountPrincipal(account).with_conditions({"ArnLike": {"aws:PrincipalArn": projects}}),
            description=f"Taken by releases of {by}",
            # A role that takes a role gets no longer session.
            max_session_duration=Duration.hours(1),
        )
        images.repository.grant_pull(self)
        images.repository.grant(self, "ecr:DescribeImages")
        acknowledge_wildcards(self, resources=["*"], reason="logging in to a registry takes no resource")
        self._look(environment)
        if environment.images_from:
            images.repository.grant_push(self)
            self._copy(environment.images_from)
            self.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=bootstrap_roles()))
            self._check(environment)
        publish(self, parameter_path=environment.parameter, release_role_arn=self.role_arn)

    def _look(self, environment: Environment) -> None:
        """Find what the environment's stacks made."""
        stacks = self._arn("cloudformation", "stack", environment.stack_name("*/*"))
        self._may("cloudformation:DescribeStacks", "cloudformation:DescribeStackResources", on=stacks)
        acknowledge_wildcards(self, resources=[stacks], reason="the stacks of this environment, whose ids AWS chooses")

    def _copy(self, images_from: str) -> None:
        """Read the images where they come from, if that is this account: one login then serves both repositories."""
        source = self._arn("ecr", "repository", f"{name_prefix(images_from)}-registry-*")
        self._may("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", on=source)
        acknowledge_wildcards(self, resources=[source], reason="the repository of one environment, named by AWS")

    def _check(self, environment: Environment) -> None:
        """See whether services run, the load balancer reaches them, and alarms are silent."""
        services = self._arn("ecs", "service", environment.stack_name("*"))
        self._may("ecs:DescribeServices", on=services)
        acknowledge_wildcards(self, resources=[services], reason="the services of this environment, named by AWS")
        self._may("elasticloadbalancing:DescribeTargetHealth", "cloudwatch:DescribeAlarms", on="*")
        acknowledge_wildcards(self, resources=["*"], reason=NO_LESS)

    def _may(self, *actions: str, on: str) -> None:
        self.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=[on]))

    def _arn(self, service: str, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(service=service, resource=resource, resource_name=name)
