from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.batch.queue_workers import QueueWorkers
from stacks.cluster.task_rights import grant_task_protection, task_arns
from stacks.environments import Environment
from stacks.models.model_store import ModelStore
from stacks.network.task_network import TaskNetwork
from stacks.shared.acknowledge import S3_PUT, S3_READ, acknowledge_wildcards
from stacks.shared.encryption import grant_customer_key
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
        models.serve(task, service=self.workers.service)
        store.queue.grant_consume_messages(task.task_role)
        store.recordings.grant_read(task.task_role)
        store.transcripts.grant_read(task.task_role)
        store.transcripts.grant_put(task.task_role)
        grant_customer_key(task.task_role, environment=environment)
        # A worker deletes its marker when it has finished a recording.
        store.transcripts.grant_delete(task.task_role, "running/*")
        # While it processes a recording, a worker protects its task from being scaled in.
        grant_task_protection(cluster, task.task_role)
        acknowledge_wildcards(
            task.task_role,
            actions=[*S3_READ, *S3_PUT, "s3:DeleteObject*"],
            resources=[
                store.recordings.arn_for_objects("*"),
                *(store.transcripts.arn_for_objects(prefix) for prefix in ("*", "running/*")),
            ],
            reason="recordings have arbitrary keys, and transcripts are named after them",
        )
        acknowledge_wildcards(
            task.task_role, resources=[task_arns(cluster)], reason="the id of a task is known only when it runs"
        )
        CfnOutput(self, "ServiceName", value=self.workers.service.service_name)
