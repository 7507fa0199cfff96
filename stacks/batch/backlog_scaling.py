from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.shared.metrics import task_count

# Idle queues and services without tasks report no metrics: a gap counts as zero.
HAS_WORK = "FILL(waiting, 0) + FILL(working, 0) + FILL(arrivals, 0) > 0"
HAS_NO_TASK = "FILL(working, 0) < 1 AND FILL(tasks, 0) < 1"
# The newest minute is often not reported yet and counts as zero, so one minute with work in the last three is enough.
RECENT_MINUTES = 3
# After six idle hours, SQS may report metrics of a queue this much later.
QUIET_MINUTES = 15
# Time until added tasks show in the metrics. Longer than the recent minutes, or one message would wake two tasks.
SETTLED = Duration.minutes(RECENT_MINUTES + 2)


class BacklogScaling(Construct):
    """Scales a service with its queue: from zero on the first message, then by backlog, and back to zero.

    Args:
        service: the service to scale.
        queue: its queue.
        arrivals: messages announced per minute, reported sooner than the queue's own metrics.
        max_tasks: upper limit.
        backlog_per_task: target for visible and in-flight messages per task.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service: ecs.FargateService,
        queue: sqs.IQueue,
        arrivals: cloudwatch.Metric,
        max_tasks: int,
        backlog_per_task: float,
    ) -> None:
        super().__init__(scope, construct_id)
        minute = Duration.minutes(1)
        self._metrics: Mapping[str, cloudwatch.Metric] = {
            "waiting": queue.metric_approximate_number_of_messages_visible(period=minute),
            "working": queue.metric_approximate_number_of_messages_not_visible(period=minute),
            # Desired, not running tasks: otherwise tasks that are still starting would be requested again every minute.
            "tasks": task_count(service, "DesiredTaskCount"),
            "arrivals": arrivals.with_(period=minute),
        }
        self._target = service.auto_scale_task_count(min_capacity=0, max_capacity=max_tasks)
        # Target tracking alone never wakes for one message, which is on target for the first task. Waking adds a task
        # instead of setting a number, so late metrics never shrink a working fleet.
        self._adjust(
            "Wake",
            autoscaling.AdjustmentType.CHANGE_IN_CAPACITY,
            by=1,
            when=f"IF({HAS_WORK} AND {HAS_NO_TASK}, 1, 0)",
            minutes=1,
            of=RECENT_MINUTES,
        )
        self._follow(backlog_per_task)
        self._adjust(
            "Sleep",
            autoscaling.AdjustmentType.EXACT_CAPACITY,
            by=0,
            when=f"IF({HAS_WORK}, 0, 1)",
            minutes=QUIET_MINUTES,
            of=QUIET_MINUTES,
        )

    def _adjust(
        self, construct_id: str, kind: autoscaling.AdjustmentType, *, by: int, when: str, minutes: int, of: int
    ) -> None:
        """Adjust the number of tasks when the expression `when` was 1 in `minutes` of the last `of` minutes."""
        step = autoscaling.StepScalingAction(
            self, construct_id, scaling_target=self._target, adjustment_type=kind, cooldown=SETTLED
        )
        step.add_adjustment(adjustment=by, lower_bound=0)
        alarm = cloudwatch.Alarm(
            self,
            f"{construct_id}Alarm",
            metric=cloudwatch.MathExpression(
                expression=when,
                using_metrics={name: metric for name, metric in self._metrics.items() if f"({name}," in when},
                period=Duration.minutes(1),
                label=construct_id,
            ),
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=of,
            datapoints_to_alarm=minutes,
            treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
            alarm_description=f"Not for people: {construct_id.lower()}s the batch fleet.",
        )
        alarm.add_alarm_action(actions.ApplicationScalingAction(step))

    def _follow(self, backlog_per_task: float) -> None:
        """Track the backlog per task. A minute in which one of the three metrics is missing changes nothing.

        The library's target tracking supports no metric math.
        """
        queries = [_query(name, self._metrics[name]) for name in ("waiting", "working", "tasks")]
        queries.append(
            autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty(
                id="backlog", expression="(waiting + working) / IF(tasks < 1, 1, tasks)", return_data=True
            )
        )
        autoscaling.CfnScalingPolicy(
            self,
            "Follow",
            policy_name="Follow",
            policy_type="TargetTrackingScaling",
            scaling_target_id=self._target.scalable_target_ref.resource_id,
            target_tracking_scaling_policy_configuration=autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=round(backlog_per_task, 2),
                customized_metric_specification=autoscaling.CfnScalingPolicy.CustomizedMetricSpecificationProperty(
                    metrics=queries
                ),
                scale_out_cooldown=SETTLED.to_seconds(),
                scale_in_cooldown=SETTLED.to_seconds(),
            ),
        )


def _query(name: str, metric: cloudwatch.Metric) -> autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty:
    policy = autoscaling.CfnScalingPolicy
    return policy.TargetTrackingMetricDataQueryProperty(
        id=name,
        metric_stat=policy.TargetTrackingMetricStatProperty(
            metric=policy.TargetTrackingMetricProperty(
                namespace=metric.namespace,
                metric_name=metric.metric_name,
                dimensions=[
                    policy.TargetTrackingMetricDimensionProperty(name=key, value=value)
                    for key, value in (metric.dimensions or {}).items()
                ],
            ),
            stat=metric.statistic,
        ),
        return_data=False,
    )
