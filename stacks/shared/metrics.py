"""Metrics that several constructs read: those of the service, and the task counts of ECS."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs

from service.contract import (
    METRIC_DIMENSIONS,
    METRIC_NAMESPACE,
    OUTCOME_DIMENSION,
    Check,
    CheckMetric,
    Gauge,
    Metric,
    Outcome,
    WebhookMetric,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMetrics:
    """Metrics that the service emits for each call, by environment and verb (`api` or `worker`)."""

    environment: str
    verb: str

    def latency(self, statistic: str) -> cloudwatch.Metric:
        """Seconds from the first byte of a call to its result."""
        return self._metric(Metric.LATENCY, statistic)

    def queue_wait(self, statistic: str) -> cloudwatch.Metric:
        """Seconds that a call waits before processing starts."""
        return self._metric(Metric.QUEUE_WAIT, statistic)

    def real_time_factor(self, statistic: str) -> cloudwatch.Metric:
        """Processing time divided by audio time."""
        return self._metric(Metric.REAL_TIME_FACTOR, statistic)

    @property
    def audio_seconds(self) -> cloudwatch.Metric:
        """Seconds of audio transcribed."""
        return self._metric(Metric.AUDIO_SECONDS, cloudwatch.Stats.SUM)

    @property
    def cost(self) -> cloudwatch.Metric:
        """Dollars for the task time that calls took."""
        return self._metric(Metric.COST, cloudwatch.Stats.SUM)

    def gauge(self, name: Gauge) -> cloudwatch.Metric:
        """The average of what the workers told in a minute."""
        return self._metric(name, cloudwatch.Stats.AVERAGE).with_(period=Duration.minutes(1))

    def calls(self, outcome: Outcome) -> cloudwatch.Metric:
        """Number of calls with an outcome."""
        return self._metric(Metric.CALLS, cloudwatch.Stats.SUM, **{OUTCOME_DIMENSION: outcome})

    def _metric(self, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        return _emitted(name, statistic, environment=self.environment, verb=self.verb, **dimensions)


def check_metric(name: CheckMetric, statistic: str, *, environment: str, check: Check) -> cloudwatch.Metric:
    """A metric that the service emits for each run of a scheduled check."""
    return _emitted(name, statistic, environment=environment, verb=check)


def webhook_metric(name: WebhookMetric, *, environment: str) -> cloudwatch.Metric:
    """A count that the API emits for the webhooks of jobs."""
    return _emitted(name, cloudwatch.Stats.SUM, environment=environment, verb="api")


def _emitted(name: str, statistic: str, *, environment: str, verb: str, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=name,
        dimensions_map=dict(zip(METRIC_DIMENSIONS, (environment, verb), strict=True)) | dimensions,
        statistic=statistic,
        period=Duration.minutes(5),
    )


def task_count(service: ecs.FargateService, name: str) -> cloudwatch.Metric:
    """A task count of Container Insights, each minute: `DesiredTaskCount` or `RunningTaskCount`."""
    return cloudwatch.Metric(
        namespace="ECS/ContainerInsights",
        metric_name=name,
        dimensions_map={"ClusterName": service.cluster.cluster_name, "ServiceName": service.service_name},
        period=Duration.minutes(1),
    )
