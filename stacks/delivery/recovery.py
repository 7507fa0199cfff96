"""The permissions with which a deploy finds an environment's stacks, and goes on where another one has failed."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import IConstruct

from stacks.environments import Environment
from stacks.shared.acknowledge import acknowledge_wildcards


def allow_looking_at_stacks(principal: iam.IRole, environment: Environment) -> None:
    """Describe the environment's stacks and their resources."""
    stacks = _stacks(principal, environment)
    iam.Grant.add_to_principal(
        grantee=principal,
        actions=["cloudformation:DescribeStacks", "cloudformation:DescribeStackResources"],
        resource_arns=[stacks],
    )
    acknowledge_wildcards(principal, resources=[stacks], reason="AWS chooses the ids of this environment's stacks")


def allow_recovery(principal: iam.IRole, environment: Environment) -> None:
    """Remove the protection of a production stack and its load balancer, so that the CDK can delete a failed create."""
    if not environment.production:
        return
    balancers = Stack.of(principal).format_arn(
        service="elasticloadbalancing", resource="loadbalancer", resource_name="app/*"
    )
    iam.Grant.add_to_principal(
        grantee=principal,
        actions=["cloudformation:UpdateTerminationProtection"],
        resource_arns=[_stacks(principal, environment)],
    )
    iam.Grant.add_to_principal(
        grantee=principal,
        actions=["elasticloadbalancing:ModifyLoadBalancerAttributes"],
        resource_arns=[balancers],
        conditions={"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in _own(environment).items()}},
    )
    acknowledge_wildcards(principal, resources=[balancers], reason="AWS chooses their names; their tags are compared")


def _own(environment: Environment) -> dict[str, str]:
    return {key: environment.tags[key] for key in ("application", "environment")}


def _stacks(scope: IConstruct, environment: Environment) -> str:
    return Stack.of(scope).format_arn(
        service="cloudformation", resource="stack", resource_name=environment.stack_name("*/*")
    )
