from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.environments import Environment, Writer, waiting_days
from stacks.recordings.customer_key import CustomerKey
from stacks.recordings.page_access import admit_page
from stacks.shared.announced_queue import announce, make_queues
from stacks.shared.handover import publish
from stacks.shared.private_bucket import UPLOADING, PrivateBucket


class RecordingsStore(Construct):
    """Buckets for recordings and transcripts, and a queue with one message for each recording.

    Attributes:
        recordings: bucket for recordings.
        transcripts: bucket for transcripts.
        access_logs: bucket for the access logs of both.
        queue: a message for each recording written to `recordings`.
        dead_letters: messages that were received `max_receives` times and not deleted.
    """

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        retain = environment.production
        key = self._make_key(environment)
        self.access_logs = PrivateBucket(self, "AccessLogs", expire_days=environment.access_log_days, retain=retain)
        self.recordings = PrivateBucket(
            self,
            "Recordings",
            expire_days=environment.recording_days,
            retain=retain,
            access_logs=self.access_logs,
            key=key,
        )
        self.transcripts = PrivateBucket(
            self,
            "Transcripts",
            expire_days=environment.transcript_days,
            retain=retain,
            access_logs=self.access_logs,
            key=key,
        )
        self.queue, self.dead_letters = make_queues(
            self, environment=environment, key=key, waiting_days=waiting_days(environment.brake)
        )
        for writer in environment.writers:
            self._admit(writer)
        admit_page(self, recordings=self.recordings, transcripts=self.transcripts, environment=environment)
        self._arrivals = self._announce(environment.week_settings.key_filter.patterns)
        self._publish(environment)

    def _make_key(self, environment: Environment) -> kms.IKey | None:
        """The environment's own key, for this stack and by its ARN for others; None if AWS's keys are used."""
        if not environment.customer_key:
            return None
        own = CustomerKey(self, "Key", environment=environment)
        publish(self, parameter_path=environment.parameter, key_arn=own.key_arn)
        # By its ARN here, too: the library would give EventBridge more than its queues and topics need.
        return kms.Key.from_key_arn(self, "KeyByArn", own.key_arn)

    def _admit(self, writer: Writer) -> None:
        """Allow a principal of another account to put recordings.

        The policy names the account and asks for the role: CloudFormation would refuse one that does not exist yet, and a
        role that is deleted and made again would be another one.
        """
        person = {"ArnEquals": {"aws:PrincipalArn": writer.person}} if writer.person else {}
        self.recordings.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.AccountPrincipal(writer.account)],
                actions=list(UPLOADING),
                resources=[self.recordings.arn_for_objects(f"{writer.prefix}*")],
                conditions=person,
            )
        )

    def _announce(self, keys: Sequence[Mapping[str, Any]]) -> events.Rule:
        """Send a message to the queue for every object written to the recordings bucket, or for those with some keys."""
        # `event_bridge_enabled` of the bucket construct would deploy a Lambda function that sets this one property.
        bucket = self.recordings.node.default_child
        assert isinstance(bucket, s3.CfnBucket)  # noqa: S101 -- tells the type checker what the L2 always makes
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        return announce(self, bucket=self.recordings, keys=keys, queue=self.queue, dead_letters=self.dead_letters)

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
