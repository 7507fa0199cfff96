from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.shared.metrics import task_count

# Queues that nobody uses and services without tasks report nothing: a gap counts as none.
ANYTHING = "FILL(waiting, 0) + FILL(working, 0) + FILL(arrivals, 0) > 0"
NOBODY = "FILL(working, 0) < 1 AND FILL(tasks, 0) < 1"
# The newest minute is often not reported yet, and a gap counts as none: one minute of the last three is enough.
RECENT_MINUTES = 3
# A queue that was idle for six hours reports what it holds up to this much later.
QUIET_MINUTES = 15
# From the decision to add tasks to the metrics that show them; longer than a minute is recent, or one message wakes two.
SETTLED = Duration.minutes(RECENT_MINUTES + 2)


class BacklogScaling(Construct):
    """A service that follows its queue: to one task on the first message, then by backlog, and back to none.

    `backlog_per_task` is how many messages, waiting or in work, there may be for each task.
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
            # Tasks asked for, not tasks running: those still starting would be asked for again every minute.
            "tasks": task_count(service, "DesiredTaskCount"),
            "arrivals": arrivals.with_(period=minute),
        }
        self._target = service.auto_scale_task_count(min_capacity=0, max_capacity=max_tasks)
        # A target alone never wakes for one message: nothing divided by no tasks is on target. Waking adds a task and
        # sets no number, so that metrics that come late never shrink a fleet at work.
        self._adjust(
            "Wake",
            autoscaling.AdjustmentType.CHANGE_IN_CAPACITY,
            by=1,
            when=f"IF({ANYTHING} AND {NOBODY}, 1, 0)",
            minutes=1,
            of=RECENT_MINUTES,
        )
        self._follow(backlog_per_task)
        self._adjust(
            "Sleep",
            autoscaling.AdjustmentType.EXACT_CAPACITY,
            by=0,
            when=f"IF({ANYTHING}, 0, 1)",
            minutes=QUIET_MINUTES,
            of=QUIET_MINUTES,
        )

    def _adjust(
        self, construct_id: str, kind: autoscaling.AdjustmentType, *, by: int, when: str, minutes: int, of: int
    ) -> None:
        """Adjust the number of tasks once the expression `when` has been 1 for some `minutes` of the last `of`."""
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
        """Track the backlog of each task, in minutes that all three metrics have reported: a gap moves nothing.

        The library's own target tracking takes no arithmetic.
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
