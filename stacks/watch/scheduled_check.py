from aws_cdk import Aws
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from stacks.cluster.task_rights import task_arns
from stacks.network.task_network import TaskNetwork
from stacks.shared.acknowledge import acknowledge_wildcards
from stacks.tasks.service_task import ServiceTask

# At night in Europe, when few recordings arrive. The other hours of a check are counted from this one.
FIRST_HOUR = 4
# A run that could not begin within the hour is missing, and its alarm says so.
RETRY_SECONDS = 3600


class ScheduledCheck(Construct):
    """Runs a task at fixed hours of the day (UTC).

    It runs on demand: while Spot has no capacity, a check on Spot would be missing instead of telling so.

    Args:
        task: the check.
        hours: time from one run to the next.
        minute: of the hour at which it runs.
        network: that it runs in.
        cluster: likewise.
        firewall: of the task.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        task: ServiceTask,
        hours: int,
        minute: int,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        firewall: ec2.ISecurityGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        # Not a rate, which counts from the last change of the schedule: every deployment changes its task definition.
        at = ",".join(map(str, range(FIRST_HOUR % hours, 24, hours)))
        part = scheduler.CfnSchedule
        # The library's target takes a public address only in subnets that it chooses itself.
        part(
            self,
            "Schedule",
            schedule_expression=f"cron({minute} {at} * * ? *)",
            flexible_time_window=part.FlexibleTimeWindowProperty(mode="OFF"),
            target=part.TargetProperty(
                arn=cluster.cluster_arn,
                role_arn=self._starter(task, cluster).role_arn,
                ecs_parameters=part.EcsParametersProperty(
                    task_definition_arn=task.task_definition_arn,
                    launch_type="FARGATE",
                    propagate_tags="TASK_DEFINITION",
                    network_configuration=part.NetworkConfigurationProperty(
                        awsvpc_configuration=part.AwsVpcConfigurationProperty(
                            subnets=network.task_subnet_ids,
                            security_groups=[firewall.security_group_id],
                            assign_public_ip="ENABLED" if network.public_tasks else "DISABLED",
                        )
                    ),
                ),
                retry_policy=part.RetryPolicyProperty(maximum_event_age_in_seconds=RETRY_SECONDS),
            ),
        )

    def _starter(self, task: ServiceTask, cluster: ecs.ICluster) -> iam.Role:
        """The role with which EventBridge Scheduler starts the task, and nothing else."""
        own = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        role = iam.Role(
            self, "Starter", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com").with_conditions(own)
        )
        task.grant_run(role)
        tasks = task_arns(cluster)
        starting = {"StringEquals": {"ecs:CreateAction": "RunTask"}}
        role.add_to_policy(iam.PolicyStatement(actions=["ecs:TagResource"], resources=[tasks], conditions=starting))
        acknowledge_wildcards(role, resources=[tasks], reason="the id of a task is known only when it runs")
        return role
