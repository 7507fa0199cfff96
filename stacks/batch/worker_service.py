from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.network.task_network import TaskNetwork
from stacks.tasks.service_task import ServiceTask


class WorkerService(ecs.FargateService):
    """A service of workers, whose number of tasks follows a queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        task: ServiceTask,
        firewall: ec2.ISecurityGroup,
        strategies: Sequence[ecs.CapacityProviderStrategy],
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            cluster=cluster,
            task_definition=task,
            capacity_provider_strategies=strategies,
            vpc_subnets=network.task_subnets,
            assign_public_ip=network.public_tasks,
            security_groups=[firewall],
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            # No caller waits for a worker: a deployment stops old ones first, and needs neither a quota nor addresses for
            # two fleets. New ones beside protected old ones would only idle, since ECS protects no more than are wanted.
            min_healthy_percent=0,
            max_healthy_percent=100,
            # It would stop tasks that are between two calls, for a balance that an elastic fleet does not keep.
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.DISABLED,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        # Otherwise the first tasks may start before their role may pull the image.
        self.node.add_dependency(task.obtain_execution_role())
