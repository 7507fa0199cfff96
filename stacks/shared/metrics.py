"""Metrics that more than one construct reads: the service's own, and how many tasks ECS counts."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs

from service.contract import METRIC_DIMENSIONS, METRIC_NAMESPACE, OUTCOME_DIMENSION, Metric, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMetrics:
    """What the service writes of each call, by environment and by verb (`api` or `worker`)."""

    environment: str
    verb: str

    def latency(self, statistic: str) -> cloudwatch.Metric:
        """From a call's first byte to its end, in seconds."""
        return self._metric(Metric.LATENCY, statistic)

    def queue_wait(self, statistic: str) -> cloudwatch.Metric:
        """From a call's arrival to its start, in seconds."""
        return self._metric(Metric.QUEUE_WAIT, statistic)

    def real_time_factor(self, statistic: str) -> cloudwatch.Metric:
        """Processing time over audio time."""
        return self._metric(Metric.REAL_TIME_FACTOR, statistic)

    @property
    def audio_seconds(self) -> cloudwatch.Metric:
        """Seconds of recording transcribed."""
        return self._metric(Metric.AUDIO_SECONDS, cloudwatch.Stats.SUM)

    @property
    def cost(self) -> cloudwatch.Metric:
        """Dollars of task time."""
        return self._metric(Metric.COST, cloudwatch.Stats.SUM)

    def calls(self, outcome: Outcome) -> cloudwatch.Metric:
        """Calls that ended so."""
        return self._metric(Metric.CALLS, cloudwatch.Stats.SUM, **{OUTCOME_DIMENSION: outcome})

    def _metric(self, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=name,
            dimensions_map=dict(zip(METRIC_DIMENSIONS, (self.environment, self.verb), strict=True)) | dimensions,
            statistic=statistic,
            period=Duration.minutes(5),
        )


def task_count(service: ecs.FargateService, name: str) -> cloudwatch.Metric:
    """Tasks of a service in each minute, by Container Insights: `DesiredTaskCount` or `RunningTaskCount`."""
    return cloudwatch.Metric(
        namespace="ECS/ContainerInsights",
        metric_name=name,
        dimensions_map={"ClusterName": service.cluster.cluster_name, "ServiceName": service.service_name},
        period=Duration.minutes(1),
    )
