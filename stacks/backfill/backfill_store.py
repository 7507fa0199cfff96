from functools import cached_property

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.environments import BackfillPlan, Environment
from stacks.environments.backfill import WAITING_DAYS, backfill_settings
from stacks.shared.announced_queue import announce, make_queues
from stacks.shared.encryption import customer_key
from stacks.shared.handover import publish
from stacks.shared.published_store import PublishedStore


class BackfillStore(PublishedStore):
    """The buckets of all recordings, and a queue with a message for each old one."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment, plan: BackfillPlan) -> None:
        super().__init__(scope, construct_id, parameter_path=environment.parameter)
        self._made, self._dead = make_queues(
            self, environment=environment, key=customer_key(self, environment=environment), waiting_days=WAITING_DAYS
        )
        filter_ = backfill_settings(environment.settings, plan).key_filter
        self._rule = announce(
            self, bucket=self.recordings, keys=filter_.patterns, queue=self._made, dead_letters=self._dead
        )
        publish(
            self,
            parameter_path=environment.parameter,
            backfill_queue_name=self._made.queue_name,
            backfill_dead_letter_queue_name=self._dead.queue_name,
        )

    @cached_property
    def queue(self) -> sqs.IQueue:
        """Queue with a message for each old recording."""
        return self._made

    @cached_property
    def dead_letters(self) -> sqs.IQueue:
        """Queue for messages that failed too often."""
        return self._dead

    @property
    def arrivals(self) -> cloudwatch.Metric:
        """Uploads of old recordings that EventBridge matched, per minute."""
        return cloudwatch.Metric(
            namespace="AWS/Events",
            metric_name="MatchedEvents",
            dimensions_map={"RuleName": self._rule.rule_name},
            statistic=cloudwatch.Stats.SUM,
            period=Duration.minutes(1),
        )
