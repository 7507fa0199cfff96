"""When the backlog will be done: metric math over the queue, the running tasks and what the workers tell."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sqs as sqs

from service.contract import Gauge
from stacks.capacity.relief import LEAST_SHARE
from stacks.environments import Environment
from stacks.shared.metrics import CallMetrics, task_count


class Projection:
    """Metric math about the backlog of a queue, in seconds of audio and of time.

    Averages of the workers are multiplied by counts of the queue, so that any number of workers may tell. While none
    does, the plan's average call and speed stand in for them.

    Attributes:
        metrics: the metrics of a minute that the expressions use, by their names in them.
        backlog: seconds of audio that wait or are being worked on.
    """

    def __init__(self, *, environment: Environment, queue: sqs.IQueue, spot: ecs.FargateService) -> None:
        minute = Duration.minutes(1)
        workers = CallMetrics(environment=environment.name, verb="worker")
        plan, workload = environment.plan, environment.workload
        self._due = round(3600 * workload.due_hours)
        self.metrics: Mapping[str, cloudwatch.Metric] = {
            "waiting": queue.metric_approximate_number_of_messages_visible(period=minute),
            "working": queue.metric_approximate_number_of_messages_not_visible(period=minute),
            "age": queue.metric_approximate_age_of_oldest_message(period=minute),
            "spot": task_count(spot, "RunningTaskCount"),
            "call": workers.gauge(Gauge.CALL_SECONDS),
            "rest": workers.gauge(Gauge.REST_SECONDS),
            "pace": workers.gauge(Gauge.PACE),
        }
        call = round(60 * workload.talk_minutes_per_call)
        slowest = plan.speed.limiting
        self.backlog = f"(waiting * FILL(call, {call}) + FILL(working, 0) * FILL(rest, {call}))"
        # Seconds that one task needs for it.
        self._work = (
            f"{self.backlog} / (FILL(pace, {slowest.audio_seconds_per_second:.3f}) * {plan.speed.busy_share:g})"
        )

    def shortage(self, *, due: float, joined: str) -> str:
        """How many tasks are missing that would finish the backlog before the oldest message is `due` seconds old.

        Those that Spot runs count as they are, those that have `joined` as they are asked for: a task that is still
        starting is not asked for twice.
        """
        left, least = f"({due:.0f} - age)", f"{LEAST_SHARE * due:.0f}"
        wanted = f"CEIL({self._work} / IF({left} > {least}, {left}, {least}))"
        return f"IF(waiting > 0, {wanted} - FILL(spot, 0) - FILL({joined}, 0), 0)"

    def finish(self, *, more: int) -> str:
        """The age that the oldest message will have when Spot's running tasks and `more` tasks have finished the backlog."""
        tasks = f"(FILL(spot, 0) + {more})" if more else "IF(FILL(spot, 0) < 1, 1, spot)"
        return f"IF(waiting > 0, age + {self._work} / {tasks}, 0)"

    @property
    def due_seconds(self) -> int:
        """How old a message may be when its transcript is due."""
        return self._due
