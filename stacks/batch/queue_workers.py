from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.batch.backlog_scaling import BacklogScaling
from stacks.batch.worker_service import WorkerService
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
        self.firewall = HttpsOutOnly(self, "Firewall", vpc=network.vpc, traces=task.traces)
        self.service = WorkerService(
            self,
            "Service",
            network=network,
            cluster=cluster,
            task=task,
            firewall=self.firewall,
            strategies=_strategies(on_demand=on_demand_workers),
        )
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
