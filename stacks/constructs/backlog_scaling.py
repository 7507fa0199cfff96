from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

# Queues that nobody uses and services without tasks report nothing: a gap counts as none.
BACKLOG = "FILL(waiting, 0) + FILL(working, 0)"
TASKS = "FILL(tasks, 0)"
# A queue that was idle for six hours reports what it holds up to this much later.
QUIET_MINUTES = 15
# From the decision to add tasks to the metrics that show them.
SETTLED = Duration.minutes(3)


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
            "tasks": cloudwatch.Metric(
                namespace="ECS/ContainerInsights",
                metric_name="DesiredTaskCount",
                dimensions_map={"ClusterName": service.cluster.cluster_name, "ServiceName": service.service_name},
                period=minute,
            ),
            "arrivals": arrivals.with_(period=minute),
        }
        self._target = service.auto_scale_task_count(min_capacity=0, max_capacity=max_tasks)
        # A target alone never wakes for one message: nothing divided by no tasks is on target.
        self._set_tasks("Wake", to=1, when=f"IF({BACKLOG} + FILL(arrivals, 0) > 0 AND {TASKS} < 1, 1, 0)", minutes=1)
        self._follow(backlog_per_task)
        self._set_tasks("Sleep", to=0, when=f"IF({BACKLOG} + FILL(arrivals, 0) > 0, 0, 1)", minutes=QUIET_MINUTES)

    def _set_tasks(self, construct_id: str, *, to: int, when: str, minutes: int) -> None:
        """Set the number of tasks once the expression `when` has been 1 for some minutes."""
        step = autoscaling.StepScalingAction(
            self,
            construct_id,
            scaling_target=self._target,
            adjustment_type=autoscaling.AdjustmentType.EXACT_CAPACITY,
        )
        step.add_adjustment(adjustment=to, lower_bound=0)
        names = [name for name in self._metrics if f"({name}," in when]
        alarm = cloudwatch.Alarm(
            self,
            f"{construct_id}Alarm",
            metric=cloudwatch.MathExpression(
                expression=when,
                using_metrics={name: self._metrics[name] for name in names},
                period=Duration.minutes(1),
                label=construct_id,
            ),
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=minutes,
            treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
            alarm_description=f"Not for people: sets the number of batch tasks to {to}.",
        )
        alarm.add_alarm_action(actions.ApplicationScalingAction(step))

    def _follow(self, backlog_per_task: float) -> None:
        """Track the backlog of each task. The library's own target tracking takes no arithmetic."""
        queries = [_query(name, self._metrics[name]) for name in ("waiting", "working", "tasks")]
        queries.append(
            autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty(
                id="backlog", expression=f"({BACKLOG}) / IF({TASKS} < 1, 1, {TASKS})", return_data=True
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
