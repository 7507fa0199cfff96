from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.api.inference_api import InferenceApi
from stacks.batch.queue_workers import QueueWorkers
from stacks.capacity import PLANNED_SHARE
from stacks.environments import Environment
from stacks.shared.metrics import CallMetrics, task_count
from stacks.shared.published_store import PublishedStore
from stacks.shared.runbooks import runbook_page

# A task is woken, placed, given its image and model within a few minutes; longer means that none comes.
START_MINUTES = 15


class Alarms(Construct):
    """What wakes a person, when it starts and when it ends; each alarm names the page that says what to do.

    Attributes:
        all: every alarm, the API's first.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: sns.ITopic,
        environment: Environment,
        api: InferenceApi,
        workers: QueueWorkers,
        store: PublishedStore,
    ) -> None:
        super().__init__(scope, construct_id)
        self.all: list[cloudwatch.Alarm] = []
        self._topic = topic
        self._watch_api(api, environment)
        self._watch_queue(workers, store, environment)

    def _watch_api(self, api: InferenceApi, environment: Environment) -> None:
        self._watch(
            "Errors",
            metric=api.errors,
            threshold=1,
            periods=5,
            meaning="The API has answered requests with 5xx for five minutes.",
            runbook="api-errors",
        )
        self._watch(
            "UnhealthyHosts",
            metric=api.unhealthy_hosts,
            threshold=1,
            periods=5,
            meaning="A task of the API has not been ready for five minutes.",
            runbook="unhealthy-hosts",
        )
        calls = CallMetrics(environment=environment.name, verb="api")
        self._watch(
            "SlowCalls",
            metric=calls.latency(cloudwatch.Stats.p(99)).with_(period=Duration.minutes(15)),
            # From where callers are about to be cut off; one long recording alone may get there, so twice in a row.
            threshold=int(PLANNED_SHARE * environment.api_settings.job_deadline_seconds),
            periods=2,
            meaning="For half an hour, one call in a hundred took so long that its deadline was in danger.",
            runbook="slow-calls",
        )

    def _watch_queue(self, workers: QueueWorkers, store: PublishedStore, environment: Environment) -> None:
        minute = Duration.minutes(1)
        self._watch(
            "DeadLetters",
            metric=store.dead_letters.metric_approximate_number_of_messages_visible(period=minute),
            threshold=1,
            periods=1,
            meaning=f"A recording failed {environment.max_receives} times and waits in the dead-letter queue.",
            runbook="dead-letters",
        )
        self._watch(
            "OldestMessage",
            metric=store.queue.metric_approximate_age_of_oldest_message(period=minute),
            threshold=environment.plan.oldest_message_alarm_seconds,
            periods=1,
            meaning="A recording has waited so long that its deadline is in danger.",
            runbook="oldest-message",
        )
        self._watch(
            "NoWorker",
            metric=cloudwatch.MathExpression(
                expression="IF(waiting > 0 AND FILL(running, 0) < 1, 1, 0)",
                using_metrics={
                    "waiting": store.queue.metric_approximate_number_of_messages_visible(period=minute),
                    "running": task_count(workers.service, "RunningTaskCount"),
                },
                period=minute,
                label="waiting without a worker",
            ),
            threshold=1,
            periods=START_MINUTES,
            meaning=f"Recordings have waited for {START_MINUTES} minutes, and no batch task runs.",
            runbook="no-worker",
        )

    def _watch(
        self,
        construct_id: str,
        *,
        metric: cloudwatch.IMetric,
        threshold: float,
        periods: int,
        meaning: str,
        runbook: str,
    ) -> None:
        """Alarm once `metric` was at or above `threshold` for some periods; what is not reported is not wrong."""
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{meaning} What to do: {runbook_page(runbook)}",
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))
        self.all.append(alarm)
