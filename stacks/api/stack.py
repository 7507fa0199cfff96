from dataclasses import replace

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.api.inference_api import LIVENESS, InferenceApi
from stacks.api.internal_balancer import InternalBalancer
from stacks.api.jobs import grant_jobs
from stacks.environments import Environment
from stacks.models.model_store import ModelStore
from stacks.network.task_network import TaskNetwork
from stacks.shared.images import Images
from stacks.shared.published_store import PublishedStore
from stacks.tasks.image_digest import ImageDigest
from stacks.tasks.service_task import ServiceTask


class Api(Stack):
    """The API: transcription over HTTP for internal tools, at once or as jobs of the workers."""

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        network: TaskNetwork,
        cluster: ecs.ICluster,
        models: ModelStore,
    ) -> None:
        super().__init__(scope, "Api", termination_protection=environment.production)
        store = PublishedStore(self, "Store", parameter_path=environment.parameter)
        task = ServiceTask(
            self,
            "Task",
            verb="api",
            settings=models.locate(
                replace(
                    environment.api_settings,
                    queue_url=store.queue.queue_url,
                    recordings_bucket=store.recordings.bucket_name,
                    transcripts_bucket=store.transcripts.bucket_name,
                )
            ),
            environment=environment,
            images=Images(self, "Images", parameter_path=environment.parameter),
            digest=ImageDigest(self),
            health_check=LIVENESS,
        )
        balancer = InternalBalancer(self, "Balancer", network=network, environment=environment)
        self.api = InferenceApi(
            self, "Api", network=network, cluster=cluster, task=task, balancer=balancer, environment=environment
        )
        grant_jobs(task, store=store, environment=environment)
        # The state of the batch has the numbers of messages.
        task.may("sqs:GetQueueAttributes", "sqs:GetQueueUrl", on=[store.queue.queue_arn, store.dead_letters.queue_arn])
        models.serve(task, service=self.api.service)
        CfnOutput(self, "Url", value=balancer.url)
        if self.api.keys:
            CfnOutput(self, "KeysSecretArn", value=self.api.keys.secret_arn)
        if self.api.webhooks:
            CfnOutput(self, "WebhookSecretArn", value=self.api.webhooks.secret.secret_arn)
            CfnOutput(self, "WebhookDeadLettersArn", value=self.api.webhooks.dead_letters.queue_arn)
