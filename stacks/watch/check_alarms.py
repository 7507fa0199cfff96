from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from service.contract import Check, CheckMetric
from stacks.environments import Environment
from stacks.shared.metrics import check_metric
from stacks.shared.people_alarm import PeopleAlarm, Threshold

# A run may begin late, and a golden call takes its time.
GRACE_HOURS = 2
Operator = cloudwatch.ComparisonOperator


class CheckAlarms(Construct):
    """Two alarms for people on a check that runs by itself: its last run found something wrong, or it does not run.

    A deployment is not judged by them: they speak of hours, and the second one rings from its creation until the first run
    has ended. So they stand in a stack of their own, and not with those that a release watches.
    """

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic, hours: int, runbook: str) -> None:
        super().__init__(scope, construct_id)
        self._topic, self._hours, self._runbook = topic, hours, runbook

    def watch(self, metric: cloudwatch.Metric, *, wrong: cloudwatch.ComparisonOperator, meaning: str) -> None:
        """Ring if `metric` is `wrong` compared with 1, which `meaning` explains, and if there is none for too long."""
        # Between two runs there is no metric: the alarm stays as the last one left it.
        failed = Threshold(value=1, operator=wrong, missing=cloudwatch.TreatMissingData.IGNORE)
        self._alarm("Failed", metric, failed, meaning)
        silent = self._hours + GRACE_HOURS
        self._alarm(
            "Missing",
            metric.with_(statistic=cloudwatch.Stats.SAMPLE_COUNT, period=Duration.hours(1)),
            Threshold(
                value=1,
                periods=silent,
                operator=Operator.LESS_THAN_THRESHOLD,
                missing=cloudwatch.TreatMissingData.BREACHING,
            ),
            f"No run has ended for {silent} hours; there should be one every {self._hours}.",
        )

    def _alarm(self, construct_id: str, metric: cloudwatch.Metric, threshold: Threshold, meaning: str) -> None:
        PeopleAlarm(
            self,
            construct_id,
            topic=self._topic,
            metric=metric,
            threshold=threshold,
            meaning=meaning,
            runbook=self._runbook,
        )


def ring(scope: Construct, *, environment: Environment, topic: sns.ITopic) -> None:
    """The alarms on an environment's golden calls and on its lost recordings."""
    plan, stats = environment.watch, cloudwatch.Stats
    CheckAlarms(scope, "CanaryAlarms", topic=topic, hours=plan.canary_hours, runbook="canary").watch(
        check_metric(CheckMetric.PASSED, stats.MINIMUM, environment=environment.name, check=Check.CANARY),
        wrong=Operator.LESS_THAN_THRESHOLD,
        meaning="A golden call was put into the recordings bucket, and did not come back in time with its words.",
    )
    CheckAlarms(scope, "LostAlarms", topic=topic, hours=plan.reconcile_hours, runbook="lost-recordings").watch(
        check_metric(CheckMetric.LOST, stats.MAXIMUM, environment=environment.name, check=Check.RECONCILE),
        wrong=Operator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        meaning="Recordings have neither a transcript nor a failure, and no message that could bring one.",
    )
