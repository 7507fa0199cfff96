from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.batch.projection import Projection
from stacks.batch.queue_workers import QueueWorkers
from stacks.batch.step_rules import StepRules, doubling
from stacks.batch.worker_service import WorkerService
from stacks.capacity import Plan
from stacks.capacity.relief import LEAVE_MINUTES, RELIEF_MINUTES, RELIEF_NEEDED_MINUTES
from stacks.network.task_network import TaskNetwork
from stacks.shared.metrics import task_count
from stacks.tasks.service_task import ServiceTask

# Relief that certainly has nothing to do: each message in flight may be on a task of it. Both counts come together, so that
# a gap in the one is none.
IDLE = "IF(waiting < 1, joined - IF(FILL(working, 0) < joined, FILL(working, 0), joined), 0)"


class Relief(Construct):
    """Workers on demand, which join those on Spot when these will miss the deadline, and leave when nothing waits.

    While messages wait, every task is busy, and scaling in never asks for fewer tasks than are busy. So relief that has
    joined stays for the rest of the backlog.

    Args:
        workers: those on Spot, with the same task.
        projection: of their backlog.
        plan: has the upper limit, and the age of the oldest message at which its transcript is late.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        task: ServiceTask,
        workers: QueueWorkers,
        projection: Projection,
        plan: Plan,
    ) -> None:
        super().__init__(scope, construct_id)
        max_tasks = plan.relief_max_tasks
        self.service = WorkerService(
            self,
            "Service",
            network=network,
            cluster=cluster,
            task=task,
            firewall=workers.firewall,
            strategies=[ecs.CapacityProviderStrategy(capacity_provider="FARGATE", weight=1)],
        )
        rules = StepRules(
            self,
            target=self.service.auto_scale_task_count(min_capacity=0, max_capacity=max_tasks),
            metrics={**projection.metrics, "joined": task_count(self.service, "DesiredTaskCount")},
            fleet="relief",
        )
        change = autoscaling.AdjustmentType.CHANGE_IN_CAPACITY
        rules.adjust(
            "Join",
            change,
            doubling(max_tasks),
            when=projection.shortage(due=plan.relief_joins_seconds, joined="joined"),
            minutes=RELIEF_NEEDED_MINUTES,
            of=RELIEF_MINUTES,
        )
        rules.adjust("Leave", change, doubling(max_tasks, sign=-1), when=IDLE, minutes=LEAVE_MINUTES, of=LEAVE_MINUTES)
