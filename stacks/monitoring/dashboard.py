from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecs as ecs
from aws_cdk.aws_cloudwatch import Stats
from constructs import Construct

from service.contract import Outcome
from stacks.api.inference_api import InferenceApi
from stacks.batch.projection import Projection
from stacks.batch.step_rules import used
from stacks.environments import Environment
from stacks.shared.metrics import CallMetrics, task_count
from stacks.shared.published_store import PublishedStore

# Width of a CloudWatch dashboard.
COLUMNS = 24
# The services in the graph of tasks.
API, WORKER, RELIEF = "api", "worker", "relief"
HOUR, MINUTE = Duration.hours(1), Duration.minutes(1)


class Dashboard(cloudwatch.Dashboard):
    """An environment at a glance: alarms, the API, the queue, the fleets, and what an audio hour costs.

    Horizontal lines in a graph show the limits that follow from the environment's workload and settings.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        api: InferenceApi,
        fleets: Mapping[str, ecs.FargateService],
        store: PublishedStore,
        alarms: Sequence[cloudwatch.IAlarm],
        dollars_per_audio_hour: float,
    ) -> None:
        super().__init__(scope, construct_id, default_interval=Duration.days(1))
        self._environment = environment
        self._api = CallMetrics(environment=environment.name, verb="api")
        self._worker = CallMetrics(environment=environment.name, verb="worker")
        self._both = (self._api, self._worker)
        self.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=COLUMNS, height=3))
        self.add_widgets(self._latency(), _outcomes(self._api, "API calls by outcome"), _errors(api))
        self.add_widgets(_depth(store), self._age(store), self._backlog(store, fleets[WORKER]))
        self.add_widgets(self._tasks({API: api.service, **fleets}), self._queue_wait(), self._real_time_factor())
        self.add_widgets(
            _outcomes(self._worker, "Recordings by outcome"), self._audio_hours(), self._cost(dollars_per_audio_hour)
        )

    def _latency(self) -> cloudwatch.GraphWidget:
        """Percentiles, and the mean without the slowest 1 %."""
        return _graph(
            "API latency",
            "seconds",
            *(self._api.latency(statistic) for statistic in (Stats.p(50), Stats.p(90), Stats.p(99), Stats.tm(99))),
            lines={"deadline": self._environment.api_settings.job_deadline_seconds},
        )

    def _age(self, store: PublishedStore) -> cloudwatch.GraphWidget:
        return _graph(
            "Age of the oldest message",
            "seconds",
            store.queue.metric_approximate_age_of_oldest_message(period=MINUTE),
            lines={
                "alarm": self._environment.plan.oldest_message_alarm_seconds,
                "due": self._environment.workload.window_hours * 3600,
            },
        )

    def _backlog(self, store: PublishedStore, spot: ecs.FargateService) -> cloudwatch.GraphWidget:
        """Estimated from the lengths of the recordings that workers received lately."""
        projection = Projection(environment=self._environment, queue=store.queue, spot=spot)
        expression = f"{projection.backlog} / 3600"
        metrics = used(projection.metrics, expression)
        return _graph("Backlog", "audio hours", _math(expression, label="left", metrics=metrics, period=MINUTE))

    def _tasks(self, services: Mapping[str, ecs.FargateService]) -> cloudwatch.GraphWidget:
        plan = self._environment.plan
        most = {API: plan.api_max_tasks, WORKER: plan.batch_max_tasks, RELIEF: plan.relief_max_tasks}
        return _graph(
            "Tasks",
            "tasks",
            *(
                task_count(service, f"{state}TaskCount").with_(label=f"{name} {state.lower()}")
                for name, service in services.items()
                for state in ("Running", "Desired")
            ),
            lines={f"most {name}": most[name] for name in services},
        )

    def _queue_wait(self) -> cloudwatch.GraphWidget:
        return _graph(
            "Wait before work begins",
            "seconds",
            *(calls.queue_wait(statistic) for calls in self._both for statistic in (Stats.p(50), Stats.p(99))),
        )

    def _real_time_factor(self) -> cloudwatch.GraphWidget:
        return _graph(
            "Real-time factor",
            "seconds of work per second of audio",
            *(calls.real_time_factor(statistic) for calls in self._both for statistic in (Stats.p(50), Stats.p(90))),
            lines={"planned": 1 / self._environment.plan.speed.audio_seconds_per_second},
        )

    def _audio_hours(self) -> cloudwatch.GraphWidget:
        return _graph(
            "Audio hours transcribed",
            "audio hours in an hour",
            *(
                _math(
                    f"{calls.verb}_audio / 3600",
                    label=calls.verb,
                    metrics={f"{calls.verb}_audio": calls.audio_seconds},
                )
                for calls in self._both
            ),
        )

    def _cost(self, planned: float) -> cloudwatch.GraphWidget:
        """Cost of the time in which tasks processed calls; idle time shows in the budget only."""
        return _graph(
            "Cost per audio hour",
            "US dollars",
            *(
                _math(
                    f"{calls.verb}_cost / {calls.verb}_audio * 3600",
                    label=calls.verb,
                    metrics={f"{calls.verb}_cost": calls.cost, f"{calls.verb}_audio": calls.audio_seconds},
                )
                for calls in self._both
            ),
            lines={"worker planned, with idle time": planned},
        )


def _outcomes(calls: CallMetrics, title: str) -> cloudwatch.GraphWidget:
    return _graph(title, "calls", *(calls.calls(outcome).with_(label=outcome) for outcome in Outcome))


def _errors(api: InferenceApi) -> cloudwatch.GraphWidget:
    return _graph("API errors and tasks not ready", "answers a minute, tasks", api.errors, api.unhealthy_hosts)


def _depth(store: PublishedStore) -> cloudwatch.GraphWidget:
    queue, dead = store.queue, store.dead_letters
    return _graph(
        "Recordings waiting",
        "messages",
        queue.metric_approximate_number_of_messages_visible(period=MINUTE, label="waiting"),
        queue.metric_approximate_number_of_messages_not_visible(period=MINUTE, label="in work"),
        dead.metric_approximate_number_of_messages_visible(period=MINUTE, label="given up"),
    )


def _math(
    expression: str, *, label: str, metrics: Mapping[str, cloudwatch.IMetric], period: Duration = HOUR
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(expression=expression, label=label, using_metrics=metrics, period=period)


def _graph(
    title: str,
    unit: str,
    *metrics: cloudwatch.IMetric,
    lines: Mapping[str, float] | None = None,
) -> cloudwatch.GraphWidget:
    annotations = [
        cloudwatch.HorizontalAnnotation(label=label, value=round(value, 3)) for label, value in (lines or {}).items()
    ]
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_annotations=annotations,
        left_y_axis=cloudwatch.YAxisProps(label=unit, min=0, show_units=False),
        width=COLUMNS // 3,
        height=6,
    )
