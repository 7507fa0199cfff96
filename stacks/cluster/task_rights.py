"""Rights to the tasks of a cluster, whoever made it."""

from aws_cdk import Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam


def task_arns(cluster: ecs.ICluster) -> str:
    """ARN of every task of a cluster: the id of a task is known only when it runs."""
    return Stack.of(cluster).format_arn(service="ecs", resource="task", resource_name=f"{cluster.cluster_name}/*")


def grant_task_protection(cluster: ecs.ICluster, grantee: iam.IGrantable) -> None:
    """Let tasks of a cluster protect themselves from being scaled in."""
    iam.Grant.add_to_principal(
        grantee=grantee, actions=["ecs:UpdateTaskProtection"], resource_arns=[task_arns(cluster)]
    )
