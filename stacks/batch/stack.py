from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.batch.projection import Projection
from stacks.batch.queue_workers import QueueWorkers
from stacks.batch.relief import Relief
from stacks.batch.worker_rights import grant_work
from stacks.batch.worker_task import settings_of, worker_task
from stacks.environments import Environment
from stacks.environments.forecast import forecast
from stacks.models.model_store import ModelStore
from stacks.network.task_network import TaskNetwork
from stacks.shared.published_store import PublishedStore


class Batch(Stack):
    """Transcription of the recordings that arrive in the recordings bucket."""

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        models: ModelStore,
    ) -> None:
        super().__init__(scope, "Batch", termination_protection=environment.production)
        store = PublishedStore(self, "Store", parameter_path=environment.parameter)
        settings = settings_of(environment, store)
        task = worker_task(self, "Task", settings=settings, environment=environment, models=models)
        self.workers = QueueWorkers(
            self,
            "Workers",
            network=network,
            cluster=cluster,
            task=task,
            store=store,
            plan=environment.plan,
            on_demand_workers=environment.on_demand_workers,
        )
        self.relief = None
        if environment.plan.relief_max_tasks:
            self.relief = Relief(
                self,
                "Relief",
                network=network,
                cluster=cluster,
                task=task,
                workers=self.workers,
                projection=Projection(environment=environment, queue=store.queue, spot=self.workers.service),
                plan=environment.plan,
            )
            CfnOutput(self, "ReliefServiceName", value=self.relief.service.service_name)
        # The relief has the firewall of the workers.
        models.serve(task, service=self.workers.service)
        grant_work(task, store=store, cluster=cluster, environment=environment)
        CfnOutput(self, "Plan", value=forecast(environment).summary())
        CfnOutput(self, "ServiceName", value=self.workers.service.service_name)
