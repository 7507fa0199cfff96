from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from service.contract import (
    WEBHOOK_MAX_RECEIVES,
    WEBHOOK_RETENTION_SECONDS,
    WEBHOOK_VISIBILITY_SECONDS,
    WebhookMetric,
)
from service.settings import variable
from stacks.environments import Environment
from stacks.shared.acknowledge import acknowledge
from stacks.shared.encryption import customer_key, grant_customer_key
from stacks.shared.metrics import webhook_metric
from stacks.shared.removal import removal
from stacks.tasks.service_task import ServiceTask


class WebhookQueue(Construct):
    """A message for each webhook of a job until its receiver has accepted it, and the secret that signs them.

    Attributes:
        secret: one secret in base64, or two while receivers change.
        queue: the messages.
        dead_letters: messages that a defect kept from their end.
    """

    def __init__(self, scope: Construct, construct_id: str, *, task: ServiceTask, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self._environment = environment
        key, keep = customer_key(self, environment=environment), removal(retain=environment.production)
        # Forty letters and digits are base64 of thirty bytes, which Standard Webhooks takes for a secret.
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description="Signs the webhooks of jobs. Tasks read it every minute.",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=40, exclude_punctuation=True),
            encryption_key=key,
            removal_policy=keep,
        )
        acknowledge(
            self.secret,
            rule="SMG4",
            reason="receivers have the secret too, so rotation needs a person who hands it over",
        )
        encryption = sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            enforce_ssl=True,
            encryption=encryption,
            encryption_master_key=key,
            # A moved message keeps its age.
            retention_period=Duration.days(14),
            removal_policy=keep,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            enforce_ssl=True,
            encryption=encryption,
            encryption_master_key=key,
            visibility_timeout=Duration.seconds(WEBHOOK_VISIBILITY_SECONDS),
            retention_period=Duration.seconds(WEBHOOK_RETENTION_SECONDS),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=WEBHOOK_MAX_RECEIVES),
            removal_policy=keep,
        )
        task.may(
            "sqs:SendMessage",
            "sqs:ReceiveMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            on=[self.queue.queue_arn],
        )
        task.may("secretsmanager:GetSecretValue", on=[self.secret.secret_arn])
        grant_customer_key(task.task_role, environment=environment)
        task.container.add_environment(variable("webhook_queue_url"), self.queue.queue_url)
        task.container.add_environment(variable("webhook_secret"), self.secret.secret_arn)

    @property
    def given_up(self) -> cloudwatch.Metric:
        """Webhooks whose last attempt failed."""
        return webhook_metric(WebhookMetric.GIVEN_UP, environment=self._environment.name)

    @property
    def defects(self) -> cloudwatch.Metric:
        """Messages that a defect kept from their end."""
        return self.dead_letters.metric_approximate_number_of_messages_visible(period=Duration.minutes(5))
