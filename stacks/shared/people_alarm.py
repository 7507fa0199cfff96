from dataclasses import dataclass

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.shared.runbooks import runbook_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A metric's limit.

    Attributes:
        value: that the metric is compared with.
        periods: in a row that have to be beyond it.
        operator: of the comparison.
        missing: the effect of a period without data; usually silence is no alarm.
    """

    value: float
    periods: int = 1
    operator: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING


class PeopleAlarm(cloudwatch.Alarm):
    """An alarm for people: a topic is told when it begins and when it ends, and its text names a runbook.

    Args:
        topic: to tell.
        metric: that is watched.
        threshold: its limit.
        meaning: of the alarm, in a sentence.
        runbook: name of its page.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: sns.ITopic,
        metric: cloudwatch.IMetric,
        threshold: Threshold,
        meaning: str,
        runbook: str,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            metric=metric,
            threshold=threshold.value,
            comparison_operator=threshold.operator,
            evaluation_periods=threshold.periods,
            treat_missing_data=threshold.missing,
            alarm_description=f"{meaning} What to do: {runbook_page(runbook)}",
        )
        self.add_alarm_action(actions.SnsAction(topic))
        self.add_ok_action(actions.SnsAction(topic))
