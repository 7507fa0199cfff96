"""What the first create of an environment's stacks needs, so that one that failed can be run again."""

from collections.abc import Iterable

from delivery.deployed import DeployedEnvironment
from delivery.programs import say

# Stacks that never worked. The CDK deletes them before it creates them again.
FAILED_CREATE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
ECS = "ecs.amazonaws.com"


def make_linked_role(deployed: DeployedEnvironment) -> None:
    """Create the role that ECS works with in an account, unless it is there.

    ECS makes it with the first cluster, too, but may not yet be able to assume it then, and so fail the create.
    """
    iam = deployed.client("iam")
    if not iam.list_roles(PathPrefix=f"/aws-service-role/{ECS}/")["Roles"]:
        role = iam.create_service_linked_role(AWSServiceName=ECS)["Role"]
        say(f"{role['RoleName']}: created, the role that ECS works with.")


def unprotect(deployed: DeployedEnvironment, stacks: Iterable[str]) -> None:
    """Let the CDK delete those of these stacks whose first create failed: nothing in them has ever been used.

    The CDK protects a production stack before it creates it, and its load balancer is protected as soon as it is made.
    CloudFormation then refuses to delete the one, and cannot roll back the other.
    """
    cloudformation, balancing = deployed.client("cloudformation"), deployed.client("elbv2")
    for stack in stacks:
        if not deployed.exists(stack) or (status := deployed.stack(stack)["StackStatus"]) not in FAILED_CREATE:
            continue
        name = deployed.environment.stack_name(stack)
        for resource in cloudformation.describe_stack_resources(StackName=name)["StackResources"]:
            if resource["ResourceType"] == LOAD_BALANCER and resource["ResourceStatus"] == "DELETE_FAILED":
                balancing.modify_load_balancer_attributes(
                    LoadBalancerArn=resource["PhysicalResourceId"],
                    Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
                )
        cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
        say(f"{name}: its first create failed ({status}); no longer protected, so that it can be created again.")
