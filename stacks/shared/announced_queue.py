"""A queue with a message for each recording that arrives, and the queue of those that failed."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.environments import Environment
from stacks.shared.removal import removal


def make_queues(
    scope: Construct, *, environment: Environment, key: kms.IKey | None, waiting_days: int
) -> tuple[sqs.Queue, sqs.Queue]:
    """The queue, and the dead letters: messages that were received `max_receives` times and not deleted.

    Args:
        scope: has both, as `Queue` and `DeadLetters`.
        environment: says how often a message is received, and whether the queues outlive their stack.
        key: encrypts the messages; None for SQS's own keys.
        waiting_days: how long a message waits.
    """
    encrypted: dict[str, Any] = {
        "enforce_ssl": True,
        "encryption": sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
        "encryption_master_key": key,
        "removal_policy": removal(retain=environment.production),
    }
    # A moved message keeps its age, so the dead-letter queue needs a longer retention than the queue.
    dead_letters = sqs.Queue(scope, "DeadLetters", **encrypted, retention_period=Duration.days(14))
    queue = sqs.Queue(
        scope,
        "Queue",
        **encrypted,
        visibility_timeout=Duration.seconds(environment.settings.visibility_timeout_seconds),
        retention_period=Duration.days(waiting_days),
        receive_message_wait_time=Duration.seconds(20),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=environment.max_receives),
    )
    return queue, dead_letters


def announce(
    scope: Construct,
    *,
    bucket: s3.IBucket,
    keys: Sequence[Mapping[str, Any]],
    queue: sqs.IQueue,
    dead_letters: sqs.IQueue,
) -> events.Rule:
    """Send a message for every object written to a bucket, or for those with some keys; `scope` has the rule as `Arrivals`."""
    return events.Rule(
        scope,
        "Arrivals",
        event_pattern=events.EventPattern(
            source=["aws.s3"],
            detail_type=["Object Created"],
            detail={"bucket": {"name": [bucket.bucket_name]}, **({"object": {"key": keys}} if keys else {})},
        ),
        # Events that cannot be delivered to the queue are kept with the failed recordings.
        targets=[targets.SqsQueue(queue, dead_letter_queue=dead_letters)],
    )
