"""What the steps of a pipeline or a workflow may do, apart from the roles that they take."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.delivery.recovery import allow_looking_at_stacks
from stacks.environments import CommitPlan, Environment
from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.shared.bootstrap import bootstrap_roles
from stacks.shared.handover import published
from stacks.shared.images import Images

NO_LESS = "AWS supports no narrower resource"


def allow(role: iam.IRole, *actions: str, on: Sequence[str], because: str = "") -> None:
    """Allow actions on resources; `because` is the reason for wildcards in the resources."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(on)))
    if because:
        acknowledge_wildcards(role, resources=[resource for resource in on if "*" in resource], reason=because)


def allow_reading(role: iam.IRole, *, images: Images, environment: Environment) -> None:
    """Find the environment's stacks and read its images."""
    images.repository.grant_pull(role)
    images.repository.grant(role, "ecr:DescribeImages")
    acknowledge_wildcards(role, resources=["*"], reason="AWS grants registry login on all resources only")
    allow_looking_at_stacks(role, environment)


def allow_building(
    scope: Construct, role: iam.IRole, *, plan: CommitPlan, images: Images, environment: Environment
) -> None:
    """Push images and the layers of builds, and fetch the image that they begin with."""
    images.repository.grant_pull_push(role)
    name = published(scope, path=environment.parameter("cache-repository-name"))
    ecr.Repository.from_repository_name(scope, "BuildCache", name).grant_pull_push(role)
    if plan.base:
        name = published(scope, path=environment.parameter("base-repository-name"))
        base = ecr.Repository.from_repository_name(scope, "BaseImages", name)
        base.grant_pull(role)
        base.grant(role, "ecr:BatchImportUpstreamImage")


def allow_deploying(scope: Construct, role: iam.IRole, *, images: Images) -> None:
    """Deploy by the roles of `cdk bootstrap`, and mark the images that run."""
    images.repository.grant(role, "ecr:PutImage")
    allow(role, "sts:AssumeRole", on=bootstrap_roles(scope))


def allow_checking(role: iam.IRole, *, environment: Environment) -> None:
    """Look at services, target health, alarms, and the state of the budget brake."""
    services = Stack.of(role).format_arn(service="ecs", resource="service", resource_name=environment.stack_name("*"))
    allow(role, "ecs:DescribeServices", on=[services], because="AWS chooses the names of this environment's services")
    looking = ("elasticloadbalancing:DescribeTargetHealth", "cloudwatch:DescribeAlarms")
    allow(role, *looking, on=["*"], because=NO_LESS)
    if environment.brake:
        brake = Stack.of(role).format_arn(service="ssm", resource="parameter" + environment.parameter("brake"))
        allow(role, "ssm:GetParameter", on=[brake])
