from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.batch.metric_queries import query
from stacks.batch.step_rules import SETTLED, StepRules, doubling
from stacks.capacity.scaling import (
    ANNOUNCE_MINUTES,
    ANNOUNCE_OF_MINUTES,
    QUIET_MINUTES,
    SHRINK_MINUTES,
    SLEEP_MINUTES,
    WAKE_MINUTES,
    WAKE_OF_MINUTES,
)
from stacks.shared.metrics import task_count

# ECS reports a service's task counts only while one of its tasks runs, so a gap means none, or that the minute is late.
NO_TASK = "FILL(tasks, 0) < 1"
# SQS reports messages in flight only if there are some, and both counts together: if one is there, a gap in the other is
# none. A fleet at work has messages in flight, so that this condition never holds for it.
NO_WORK_IN_HAND = "waiting > 0 AND FILL(working, 0) < 1"
# The queue was idle for hours, and SQS reports nothing yet.
UNREPORTED = "FILL(waiting + 1, 0) < 1 AND FILL(working + 1, 0) < 1"
NO_WORK = "FILL(waiting, 0) + FILL(working, 0) + FILL(arrivals, 0) < 1"
# Tasks that have nothing to do, as far as is certain: each message in flight may be on a task of its own. One task stays.
SURPLUS = "IF(waiting < 1, tasks - IF(working < 1, 1, working), 0)"


class BacklogScaling(Construct):
    """Scales a service with its queue: from zero on the first message, then by backlog, and back to zero.

    Scaling in never asks for fewer tasks than are busy: ECS would refuse to protect the others, and block deployments.

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
        self._rules = StepRules(self, target=self._target, metrics=self._metrics, fleet="batch fleet")
        self._wake()
        self._follow(backlog_per_task)
        self._shrink(max_tasks)
        self._sleep()

    def _wake(self) -> None:
        """Ask for the first task, and only for one, however long Spot has none.

        Target tracking alone never does: one message is on target for the first task. Setting the number is safe while
        the queue's own metrics show that no task works. If only the event of an upload is known, a task is added instead,
        which a working fleet survives, and not again before the queue's metrics are there.
        """
        one, add = autoscaling.AdjustmentType.EXACT_CAPACITY, autoscaling.AdjustmentType.CHANGE_IN_CAPACITY
        woken = f"IF({NO_WORK_IN_HAND} AND {NO_TASK}, 1, 0)"
        self._rules.adjust("Wake", one, {1: 1}, when=woken, minutes=WAKE_MINUTES, of=WAKE_OF_MINUTES)
        announced = f"IF({UNREPORTED} AND {NO_TASK} AND FILL(arrivals, 0) > 0, 1, 0)"
        quiet = Duration.minutes(QUIET_MINUTES)
        self._rules.adjust(
            "Announce",
            add,
            {1: 1},
            when=announced,
            minutes=ANNOUNCE_MINUTES,
            of=ANNOUNCE_OF_MINUTES,
            cooldown=quiet,
        )

    def _shrink(self, max_tasks: int) -> None:
        """Take away tasks that have nothing to do, while no message waits: in steps that double, none above the surplus."""
        change, steps = autoscaling.AdjustmentType.CHANGE_IN_CAPACITY, doubling(max_tasks, sign=-1)
        self._rules.adjust("Shrink", change, steps, when=SURPLUS, minutes=SHRINK_MINUTES, of=SHRINK_MINUTES)

    def _sleep(self) -> None:
        """Take away the last task, too, once the queue was quiet for longer than its metrics may be late."""
        one = autoscaling.AdjustmentType.EXACT_CAPACITY
        self._rules.adjust("Sleep", one, {1: 0}, when=f"IF({NO_WORK}, 1, 0)", minutes=SLEEP_MINUTES, of=SLEEP_MINUTES)

    def _follow(self, backlog_per_task: float) -> None:
        """Track the backlog per task, upwards only. A minute in which a count is missing changes nothing.

        The library's target tracking supports no metric math.
        """
        names = ("waiting", "working", "tasks")
        queries = [query(name, self._metrics[name]) for name in names]
        queries.append(
            autoscaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty(
                id="backlog",
                expression="(waiting + FILL(working, 0)) / IF(tasks < 1, 1, tasks)",
                return_data=True,
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
                # A falling backlog says how many tasks the rest needs, not how many work.
                disable_scale_in=True,
            ),
        )
