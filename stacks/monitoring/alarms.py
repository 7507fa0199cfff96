from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from service.contract import Outcome
from stacks.api.inference_api import InferenceApi
from stacks.api.webhook_queue import WebhookQueue
from stacks.batch.queue_workers import QueueWorkers
from stacks.batch.relief import Relief
from stacks.capacity import PLANNED_SHARE
from stacks.environments import Environment
from stacks.shared.metrics import CallMetrics, task_count
from stacks.shared.people_alarm import PeopleAlarm, Threshold
from stacks.shared.published_store import PublishedStore

# A task starts within a few minutes, image and model included. After this time it is not going to.
START_MINUTES = 15
# Shares of calls that end in a certain way are watched over this time, if there are enough calls to speak of a share.
SHARE_MINUTES, SHARE_MIN_CALLS = 30, 20
# A phone system that changes its codec has most of its recordings refused at once; a caller with a broken file does not.
REFUSED_PERCENT = 20
# Whole recordings are the rule: a recorder or a transfer that cuts them cuts many.
PARTIAL_PERCENT = 5
# A cough or a music on hold without words is common; in every other call it is the model, the language or the line.
UNHEARD_PERCENT = 50


class Alarms(Construct):
    """Alarms for people, sent when they start and when they end. Each names its runbook.

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
        relief: Relief | None,
        store: PublishedStore,
    ) -> None:
        super().__init__(scope, construct_id)
        self.all: list[cloudwatch.Alarm] = []
        self._topic = topic
        self._watch_api(api, environment)
        if api.webhooks:
            self._watch_webhooks(api.webhooks)
        self._watch_queue(workers, relief, store, environment)
        for name, outcome, percent, ending, runbook in (
            ("Refused", Outcome.REFUSED, REFUSED_PERCENT, "were refused", "refused"),
            ("Partial", Outcome.PARTIAL, PARTIAL_PERCENT, "lack a part of their audio", "incomplete"),
            ("Unheard", Outcome.UNHEARD, UNHEARD_PERCENT, "have speech without words", "incomplete"),
        ):
            self._watch(
                name,
                metric=_percent_of_calls(outcome, environment),
                threshold=percent,
                periods=1,
                meaning=f"At least {percent} % of the calls of the last {SHARE_MINUTES} minutes {ending}.",
                runbook=runbook,
            )

    def _watch_api(self, api: InferenceApi, environment: Environment) -> None:
        self._watch(
            "Errors",
            metric=api.errors,
            threshold=1,
            periods=5,
            meaning="The API has returned 5xx errors in each of the last five minutes.",
            runbook="api-errors",
        )
        self._watch(
            "UnhealthyHosts",
            metric=api.unhealthy_hosts,
            threshold=1,
            periods=5,
            meaning="At least one API task has failed its health check for five minutes.",
            runbook="unhealthy-hosts",
        )
        calls = CallMetrics(environment=environment.name, verb="api")
        self._watch(
            "SlowCalls",
            metric=calls.latency(cloudwatch.Stats.p(99)).with_(period=Duration.minutes(15)),
            # Close to the deadline at which callers are cut off. One long recording may get there, hence two periods in a row.
            threshold=int(PLANNED_SHARE * environment.api_settings.job_deadline_seconds),
            periods=2,
            meaning="For 30 minutes, the slowest 1 % of API calls have come close to their deadline.",
            runbook="slow-calls",
        )

    def _watch_webhooks(self, webhooks: WebhookQueue) -> None:
        self._watch(
            "WebhooksGivenUp",
            metric=webhooks.given_up,
            threshold=1,
            periods=1,
            meaning="A receiver has not accepted the webhook of a job, whose last attempt has failed.",
            runbook="webhooks",
        )
        self._watch(
            "WebhookDefects",
            metric=webhooks.defects,
            threshold=1,
            periods=1,
            meaning="The message of a webhook is in its dead-letter queue, because of a defect of the service.",
            runbook="webhooks",
        )

    def _watch_queue(
        self, workers: QueueWorkers, relief: Relief | None, store: PublishedStore, environment: Environment
    ) -> None:
        minute = Duration.minutes(1)
        running = {"running": task_count(workers.service, "RunningTaskCount")}
        if relief:
            running["joined"] = task_count(relief.service, "RunningTaskCount")
        none = " AND ".join(f"FILL({name}, 0) < 1" for name in running)
        self._watch(
            "DeadLetters",
            metric=store.dead_letters.metric_approximate_number_of_messages_visible(period=minute),
            threshold=1,
            periods=1,
            meaning=f"At least one recording failed {environment.max_receives} times and is in the dead-letter queue.",
            runbook="dead-letters",
        )
        self._watch(
            "OldestMessage",
            metric=store.queue.metric_approximate_age_of_oldest_message(period=minute),
            threshold=environment.plan.oldest_message_alarm_seconds,
            periods=1,
            meaning="The oldest recording has waited so long that it may miss its deadline.",
            runbook="oldest-message",
        )
        self._watch(
            "NoWorker",
            metric=cloudwatch.MathExpression(
                expression=f"IF(waiting > 0 AND {none}, 1, 0)",
                using_metrics={
                    "waiting": store.queue.metric_approximate_number_of_messages_visible(period=minute),
                    **running,
                },
                period=minute,
                label="waiting without a worker",
            ),
            threshold=1,
            periods=START_MINUTES,
            meaning=f"Recordings have been waiting for {START_MINUTES} minutes, but no worker is running.",
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
        """Alarm if `metric` was at or above `threshold` for some periods in a row. Missing data is no alarm."""
        alarm = PeopleAlarm(
            self,
            construct_id,
            topic=self._topic,
            metric=metric,
            threshold=Threshold(value=threshold, periods=periods),
            meaning=meaning,
            runbook=runbook,
        )
        self.all.append(alarm)


def _percent_of_calls(outcome: Outcome, environment: Environment) -> cloudwatch.MathExpression:
    """The share of calls of API and workers together that end with an outcome; 0 if there are few calls."""
    period = Duration.minutes(SHARE_MINUTES)
    metrics: dict[str, cloudwatch.IMetric] = {}
    for verb in ("api", "worker"):
        calls = CallMetrics(environment=environment.name, verb=verb)
        metrics[f"{verb}_{outcome}"] = calls.calls(outcome).with_(period=period)
        # Every call has a latency, whatever its outcome.
        metrics[f"{verb}_calls"] = calls.latency(cloudwatch.Stats.SAMPLE_COUNT).with_(period=period)
    ended, of_both = (f"(FILL(api_{name}, 0) + FILL(worker_{name}, 0))" for name in (outcome, "calls"))
    return cloudwatch.MathExpression(
        expression=f"IF({of_both} >= {SHARE_MIN_CALLS}, 100 * {ended} / {of_both}, 0)",
        using_metrics=metrics,
        period=period,
        label=f"percent of calls {outcome}",
    )
