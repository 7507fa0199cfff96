from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.batch.projection import Projection
from stacks.batch.queue_workers import QueueWorkers
from stacks.batch.relief import Relief
from stacks.batch.worker_rights import grant_work
from stacks.environments import Environment
from stacks.environments.forecast import forecast
from stacks.models.model_store import ModelStore
from stacks.network.task_network import TaskNetwork
from stacks.shared.images import Images
from stacks.shared.published_store import PublishedStore
from stacks.tasks.image_digest import ImageDigest
from stacks.tasks.service_task import ServiceTask


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
        task = ServiceTask(
            self,
            "Task",
            verb="worker",
            settings=models.locate(
                environment.worker_settings(
                    queue_url=store.queue.queue_url,
                    recordings_bucket=store.recordings.bucket_name,
                    transcripts_bucket=store.transcripts.bucket_name,
                )
            ),
            environment=environment,
            images=Images(self, "Images", parameter_path=environment.parameter),
            digest=ImageDigest(self),
        )
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
