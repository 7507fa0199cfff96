from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.environments import Environment
from stacks.shared.handover import publish
from stacks.shared.private_bucket import PrivateBucket
from stacks.shared.removal import removal


class RecordingsStore(Construct):
    """Buckets for recordings and transcripts, and a queue with one message for each recording.

    Attributes:
        recordings: bucket for recordings.
        transcripts: bucket for transcripts.
        access_logs: bucket for the access logs of both.
        queue: a message for each object written to `recordings`.
        dead_letters: messages that were received `max_receives` times and not deleted.
    """

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        retain = environment.production
        self.access_logs = PrivateBucket(self, "AccessLogs", expire_days=environment.access_log_days, retain=retain)
        self.recordings = PrivateBucket(
            self, "Recordings", expire_days=environment.recording_days, retain=retain, access_logs=self.access_logs
        )
        self.transcripts = PrivateBucket(
            self, "Transcripts", expire_days=environment.transcript_days, retain=retain, access_logs=self.access_logs
        )
        # A moved message keeps its age, so the dead-letter queue needs a longer retention than the queue.
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=removal(retain=retain),
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(environment.settings.visibility_timeout_seconds),
            retention_period=Duration.days(7),
            receive_message_wait_time=Duration.seconds(20),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=environment.max_receives),
            removal_policy=removal(retain=retain),
        )
        self._arrivals = self._announce()
        self._publish(environment)

    def _announce(self) -> events.Rule:
        """Send a message to the queue for every object written to the recordings bucket."""
        # `event_bridge_enabled` of the bucket construct would deploy a Lambda function that sets this one property.
        bucket = self.recordings.node.default_child
        assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 -- tells the type checker what the L2 always makes
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        return events.Rule(
            self,
            "Arrivals",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [self.recordings.bucket_name]}},
            ),
            # Events that cannot be delivered to the queue are kept with the failed recordings.
            targets=[targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters)],
        )

    def _publish(self, environment: Environment) -> None:
        """Publish the names of buckets, queues and rule for the stacks that use them."""
        publish(
            self,
            parameter_path=environment.parameter,
            recordings_bucket=self.recordings.bucket_name,
            transcripts_bucket=self.transcripts.bucket_name,
            queue_name=self.queue.queue_name,
            dead_letter_queue_name=self.dead_letters.queue_name,
            arrivals_rule_name=self._arrivals.rule_name,
        )
