import re
from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from stacks.capacity.scaling import SETTLED_MINUTES

# Time until added tasks show in the metrics.
SETTLED = Duration.minutes(SETTLED_MINUTES)


class StepRules:
    """Rules that adjust the number of tasks of a service, each with an alarm of its own.

    Args:
        scope: of the alarms and policies.
        target: the service's number of tasks.
        metrics: of a minute each, by the names that expressions use.
        fleet: names the fleet in the descriptions of the alarms.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        target: ecs.ScalableTaskCount,
        metrics: Mapping[str, cloudwatch.Metric],
        fleet: str,
    ) -> None:
        self._scope, self._target, self._metrics, self._fleet = scope, target, metrics, fleet

    def adjust(
        self,
        construct_id: str,
        kind: autoscaling.AdjustmentType,
        steps: Mapping[int, int],
        *,
        when: str,
        minutes: int,
        of: int,
        cooldown: Duration = SETTLED,
    ) -> None:
        """Adjust the number of tasks when the expression `when` was 1 or more in `minutes` of the last `of` minutes.

        `steps` has the adjustment from each value of the expression on.
        """
        action = autoscaling.StepScalingAction(
            self._scope, construct_id, scaling_target=self._target, adjustment_type=kind, cooldown=cooldown
        )
        starts = sorted(steps)
        for start, end in zip(starts, [*starts[1:], None], strict=True):
            # Bounds count from the alarm's threshold.
            action.add_adjustment(
                adjustment=steps[start], lower_bound=start - 1, upper_bound=None if end is None else end - 1
            )
        alarm = cloudwatch.Alarm(
            self._scope,
            f"{construct_id}Alarm",
            metric=cloudwatch.MathExpression(
                expression=when,
                using_metrics=used(self._metrics, when),
                period=Duration.minutes(1),
                label=construct_id,
            ),
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=of,
            datapoints_to_alarm=minutes,
            treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
            alarm_description=f"Not for people: scales the {self._fleet} ({construct_id}).",
        )
        alarm.add_alarm_action(actions.ApplicationScalingAction(action))


def used(metrics: Mapping[str, cloudwatch.Metric], expression: str) -> dict[str, cloudwatch.IMetric]:
    """The metrics whose names an expression contains."""
    return {name: metric for name, metric in metrics.items() if re.search(rf"\b{name}\b", expression)}


def doubling(most: int, *, sign: int = 1) -> dict[int, int]:
    """Steps that double up to `most`; none is above the value that it begins at.

    >>> doubling(6, sign=-1)
    {1: -1, 2: -2, 4: -4}
    """
    return {2**power: sign * 2**power for power in range(most.bit_length())}
