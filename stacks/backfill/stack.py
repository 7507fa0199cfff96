from dataclasses import replace

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.backfill.backfill_alarms import BackfillAlarms
from stacks.backfill.backfill_store import BackfillStore
from stacks.batch.queue_workers import QueueWorkers
from stacks.batch.worker_rights import grant_work
from stacks.batch.worker_task import settings_of, worker_task
from stacks.capacity import Backfill as Fleet
from stacks.environments import BackfillPlan, Environment
from stacks.environments.backfill import backfill_settings
from stacks.environments.backfill_costs import backfill_summary
from stacks.models.model_store import ModelStore
from stacks.network.task_network import TaskNetwork


class Backfill(Stack):
    """Transcription of old recordings on Spot, with a queue, a fleet and alarms apart from those of the new ones.

    It shares with them the buckets, the model, the image and the Spot quota, of which it takes only the rest.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        plan: BackfillPlan,
        fleet: Fleet,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        models: ModelStore,
    ) -> None:
        super().__init__(scope, "Backfill", termination_protection=environment.production)
        store = BackfillStore(self, "Store", environment=environment, plan=plan)
        settings = backfill_settings(settings_of(environment, store), plan)
        task = worker_task(self, "Task", settings=settings, environment=environment, models=models)
        self.workers = QueueWorkers(
            self,
            "Workers",
            network=network,
            cluster=cluster,
            task=task,
            store=store,
            plan=replace(environment.plan, batch_max_tasks=fleet.tasks, backlog_per_task=fleet.backlog_per_task),
            on_demand_workers=0,
        )
        models.serve(task, service=self.workers.service)
        grant_work(task, store=store, cluster=cluster, environment=environment)
        BackfillAlarms(self, "Alarms", environment=environment, store=store)
        for name, value in {
            "Plan": backfill_summary(environment),
            "QueueUrl": store.queue.queue_url,
            "DeadLetterQueueUrl": store.dead_letters.queue_url,
            "RecordingPrefixes": plan.prefix,
            "ServiceName": self.workers.service.service_name,
        }.items():
            CfnOutput(self, name, value=value)
