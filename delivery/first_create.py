"""Prepares an account for a deploy: the role of ECS, and stacks that an earlier deploy left half-way."""

from collections.abc import Iterable, Mapping
from typing import Any

from delivery.assembly import Assembly, Stack
from delivery.deployed import DeployedEnvironment
from delivery.programs import run, say
from delivery.states import FAILED_CREATE, STUCK

LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
ECS = "ecs.amazonaws.com"


def has_linked_role(deployed: DeployedEnvironment) -> bool:
    """Whether the account has the role that ECS works with."""
    return bool(deployed.client("iam").list_roles(PathPrefix=f"/aws-service-role/{ECS}/")["Roles"])


def make_linked_role(deployed: DeployedEnvironment) -> None:
    """Create the role that ECS works with in an account, unless it is there.

    ECS makes it with the first cluster, too, but may not yet be able to assume it then, and so fail the create.
    """
    if not has_linked_role(deployed):
        role = deployed.client("iam").create_service_linked_role(AWSServiceName=ECS)["Role"]
        say(f"{role['RoleName']}: created, the role that ECS works with.")


def recover(deployed: DeployedEnvironment, assembly: Assembly, stacks: Iterable[Stack]) -> None:
    """Bring those of these stacks that an earlier deploy left half-way to a state from which the CDK can deploy them.

    A stack whose first create failed loses its protection, so that the CDK can delete it: nothing in it has ever been
    used. A stack whose update could not be rolled back goes on with that; all that it holds stays protected.

    Raises:
        Refused: a rollback cannot be finished; the CDK says which resources are in its way.
    """
    for stack in stacks:
        name = stack.path.rpartition("/")[2]
        if not deployed.exists(name):
            continue
        described = deployed.stack(name)
        if described["StackStatus"] in FAILED_CREATE:
            _unprotect(deployed, described)
        elif described["StackStatus"] == STUCK:
            say(f"{stack.name}: {STUCK}; going on with the rollback of its last update.")
            run("cdk", "rollback", stack.path, "--app", str(assembly.folder), environ=deployed.environ())


def _unprotect(deployed: DeployedEnvironment, stack: Mapping[str, Any]) -> None:
    """Allow to delete a stack.

    The CDK protects a production stack before it creates it, and its load balancer is protected as soon as it is made.
    CloudFormation then refuses to delete the one, and cannot roll back the other.
    """
    cloudformation, name = deployed.client("cloudformation"), stack["StackName"]
    for resource in cloudformation.describe_stack_resources(StackName=name)["StackResources"]:
        if resource["ResourceType"] == LOAD_BALANCER and resource["ResourceStatus"] == "DELETE_FAILED":
            deployed.client("elbv2").modify_load_balancer_attributes(
                LoadBalancerArn=resource["PhysicalResourceId"],
                Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
            )
    if stack.get("EnableTerminationProtection"):
        cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    say(f"{name}: its first create failed ({stack['StackStatus']}); unprotected, so that it can be created again.")
