from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.batch.projection import Projection
from stacks.batch.step_rules import used
from stacks.shared.people_alarm import PeopleAlarm, Threshold

# By then a fleet that grows has its tasks, and the relief has joined.
PROJECTED_MINUTES = 30


class MissedDeadline(PeopleAlarm):
    """The backlog will not be done in time, even with all of the relief.

    Args:
        relief_tasks: on demand, that may join; 0 without relief.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, topic: sns.ITopic, projection: Projection, relief_tasks: int
    ) -> None:
        finish = projection.finish(more=relief_tasks)
        even = f"even with {relief_tasks} tasks on demand" if relief_tasks else "as no task on demand may join"
        super().__init__(
            scope,
            construct_id,
            topic=topic,
            metric=cloudwatch.MathExpression(
                expression=finish,
                using_metrics=used(projection.metrics, finish),
                period=Duration.minutes(1),
                label="age of the oldest message at the projected finish",
            ),
            threshold=Threshold(value=projection.due_seconds, periods=PROJECTED_MINUTES),
            meaning=(
                f"For {PROJECTED_MINUTES} minutes, the recordings that wait have been too many to be done in time at the"
                f" present speed, {even}."
            ),
            runbook="missed-deadline",
        )
