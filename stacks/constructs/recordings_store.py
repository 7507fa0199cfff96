from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.private_bucket import PrivateBucket


class RecordingsStore(Construct):
    """Where recordings arrive and transcripts leave, and the queue that holds one message per recording.

    A message that was received `max_receives` times without being deleted waits in `dead_letters`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        visibility_timeout: Duration,
        max_receives: int,
        recording_days: int,
        transcript_days: int,
        retain: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.recordings = PrivateBucket(self, "Recordings", expire_days=recording_days, retain=retain)
        self.transcripts = PrivateBucket(self, "Transcripts", expire_days=transcript_days, retain=retain)
        # A message keeps its age when it moves, so the dead-letter queue must hold longer than the queue.
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=visibility_timeout,
            retention_period=Duration.days(7),
            receive_message_wait_time=Duration.seconds(20),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=max_receives),
        )
        self._arrivals = self._announce()

    def _announce(self) -> events.Rule:
        """Put a message on the queue for every object written to the recordings bucket."""
        # The bucket construct's own switch deploys a Lambda function for this one property.
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
            # An event that cannot be put on the queue is kept beside the recordings that failed.
            targets=[targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letters)],
        )

    @property
    def arrivals(self) -> cloudwatch.Metric:
        """Recordings announced per minute."""
        return cloudwatch.Metric(
            namespace="AWS/Events",
            metric_name="MatchedEvents",
            dimensions_map={"RuleName": self._arrivals.rule_name},
            statistic=cloudwatch.Stats.SUM,
            period=Duration.minutes(1),
        )
