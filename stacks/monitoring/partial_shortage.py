from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.batch.queue_workers import QueueWorkers
from stacks.shared.metrics import task_count
from stacks.shared.people_alarm import PeopleAlarm, Threshold
from stacks.shared.published_store import PublishedStore

# A fleet that grows has all of its tasks within minutes, and replaces the ones that Spot takes as fast.
SHORTAGE_MINUTES = 30
RUNNING_SHARE = 0.8


class PartialShortage(PeopleAlarm):
    """Recordings wait, and a part of the workers that the scaling asks for does not start.

    ECS reports task counts only while a task runs: a fleet without any is the case of another alarm.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, topic: sns.ITopic, workers: QueueWorkers, store: PublishedStore
    ) -> None:
        minute = Duration.minutes(1)
        super().__init__(
            scope,
            construct_id,
            topic=topic,
            metric=cloudwatch.MathExpression(
                expression=f"IF(waiting > 0 AND running < {RUNNING_SHARE} * desired, 1, 0)",
                using_metrics={
                    "waiting": store.queue.metric_approximate_number_of_messages_visible(period=minute),
                    "running": task_count(workers.service, "RunningTaskCount"),
                    "desired": task_count(workers.service, "DesiredTaskCount"),
                },
                period=minute,
                label="waiting with too few workers",
            ),
            threshold=Threshold(value=1, periods=SHORTAGE_MINUTES),
            meaning=(
                f"For {SHORTAGE_MINUTES} minutes, less than {RUNNING_SHARE:.0%} of the workers that are wanted have been"
                " running, and recordings wait."
            ),
            runbook="partial-shortage",
        )
