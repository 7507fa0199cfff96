from functools import cached_property

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.shared.handover import ParameterPath, published


class PublishedStore(Construct):
    """The recordings store, for other stacks: looked up by the names that the recordings stack published.

    With `queues`, such as `backfill-`, its queues are those whose names another stack published under this prefix.
    """

    def __init__(self, scope: Construct, construct_id: str, *, parameter_path: ParameterPath, queues: str = "") -> None:
        super().__init__(scope, construct_id)
        self._parameter_path, self._queues = parameter_path, queues

    # Looked up on first use: cfn-lint warns about a template parameter that is not used.
    @cached_property
    def recordings(self) -> s3.IBucket:
        """Bucket for recordings."""
        return s3.Bucket.from_bucket_name(self, "Recordings", self._name("recordings-bucket"))

    @cached_property
    def transcripts(self) -> s3.IBucket:
        """Bucket for transcripts."""
        return s3.Bucket.from_bucket_name(self, "Transcripts", self._name("transcripts-bucket"))

    @cached_property
    def queue(self) -> sqs.IQueue:
        """Queue with a message for each recording."""
        return self._queue("Queue", f"{self._queues}queue-name")

    @cached_property
    def dead_letters(self) -> sqs.IQueue:
        """Queue for messages that failed too often."""
        return self._queue("DeadLetters", f"{self._queues}dead-letter-queue-name")

    @property
    def arrivals(self) -> cloudwatch.Metric:
        """Uploads of recordings that EventBridge matched, per minute."""
        return cloudwatch.Metric(
            namespace="AWS/Events",
            metric_name="MatchedEvents",
            dimensions_map={"RuleName": self._name("arrivals-rule-name")},
            statistic=cloudwatch.Stats.SUM,
            period=Duration.minutes(1),
        )

    def _queue(self, construct_id: str, name: str) -> sqs.IQueue:
        arn = Stack.of(self).format_arn(service="sqs", resource=self._name(name))
        return sqs.Queue.from_queue_arn(self, construct_id, arn)

    def _name(self, name: str) -> str:
        return published(self, path=self._parameter_path(name))
