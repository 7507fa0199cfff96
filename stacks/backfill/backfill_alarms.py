from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.environments import Environment
from stacks.environments.backfill import WAITING_DAYS
from stacks.shared.alarm_topic import AlarmTopic
from stacks.shared.people_alarm import PeopleAlarm, Threshold
from stacks.shared.published_store import PublishedStore

# Messages that wait longer are lost two days later; there is time to stop uploading, or to give the fleet more tasks.
LATE_DAYS = WAITING_DAYS - 2
DAY = Duration.days(1)


class BackfillAlarms(Construct):
    """Alarms by mail alone, at most once a day: no one is woken for recordings that waited for a year."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment, store: PublishedStore) -> None:
        super().__init__(scope, construct_id)
        self._topic = AlarmTopic(self, "Topic", environment=environment, mail_only=True)
        self._watch(
            "DeadLetters",
            store.dead_letters.metric_approximate_number_of_messages_visible(period=DAY),
            1,
            f"At least one old recording failed {environment.max_receives} times, and waits as a dead letter.",
            "dead-letters",
        )
        self._watch(
            "Late",
            store.queue.metric_approximate_age_of_oldest_message(period=DAY),
            LATE_DAYS * 86_400,
            f"An old recording has waited {LATE_DAYS} days; its message is lost after {WAITING_DAYS}.",
            "oldest-message",
        )

    def _watch(
        self, construct_id: str, metric: cloudwatch.Metric, threshold: float, meaning: str, runbook: str
    ) -> None:
        PeopleAlarm(
            self,
            construct_id,
            topic=self._topic,
            metric=metric,
            threshold=Threshold(value=threshold),
            meaning=f"Backfill: {meaning}",
            runbook=runbook,
        )
