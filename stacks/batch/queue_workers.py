from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.batch.backlog_scaling import BacklogScaling
from stacks.capacity import Plan
from stacks.network.task_network import TaskNetwork
from stacks.shared.firewall import HttpsOutOnly
from stacks.shared.published_store import PublishedStore
from stacks.tasks.service_task import ServiceTask


class QueueWorkers(Construct):
    """Tasks that process a queue: none while it is empty, up to the limit of the plan as it fills.

    The first `on_demand_workers` run on demand, the others on Spot. ECS does not fall back to on-demand capacity when Spot
    has none, so only the on-demand workers continue then.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        task: ServiceTask,
        store: PublishedStore,
        plan: Plan,
        on_demand_workers: int,
    ) -> None:
        super().__init__(scope, construct_id)
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            capacity_provider_strategies=_strategies(on_demand=on_demand_workers),
            vpc_subnets=network.task_subnets,
            assign_public_ip=network.public_tasks,
            security_groups=[HttpsOutOnly(self, "Firewall", vpc=network.vpc)],
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
        self.service.node.add_dependency(task.obtain_execution_role())
        self.scaling = BacklogScaling(
            self,
            "Scaling",
            service=self.service,
            queue=store.queue,
            arrivals=store.arrivals,
            max_tasks=plan.batch_max_tasks,
            backlog_per_task=plan.backlog_per_task,
        )


def _strategies(*, on_demand: int) -> list[ecs.CapacityProviderStrategy]:
    strategies = [ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT", weight=1)]
    if on_demand:
        strategies.append(ecs.CapacityProviderStrategy(capacity_provider="FARGATE", base=on_demand, weight=0))
    return strategies
