from collections.abc import Sequence

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from stacks.api.inference_api import InferenceApi
from stacks.batch.projection import Projection
from stacks.batch.queue_workers import QueueWorkers
from stacks.batch.relief import Relief
from stacks.capacity import Prices
from stacks.environments import Environment
from stacks.environments.backfill_costs import budget
from stacks.environments.costs import batch_per_audio_hour
from stacks.monitoring.alarms import Alarms
from stacks.monitoring.brake import braked
from stacks.monitoring.budget_guard import guard
from stacks.monitoring.chat_channel import ChatChannel
from stacks.monitoring.dashboard import RELIEF, WORKER, Dashboard
from stacks.monitoring.deployment_failures import DeploymentFailures
from stacks.monitoring.missed_deadline import MissedDeadline
from stacks.monitoring.partial_shortage import PartialShortage
from stacks.shared.alarm_topic import AlarmTopic
from stacks.shared.published_store import PublishedStore


class Monitoring(Stack):
    """Dashboard, alarms, notices of failed deployments, and the budget."""

    def __init__(
        self,
        scope: Construct,
        *,
        environment: Environment,
        api: InferenceApi,
        workers: QueueWorkers,
        relief: Relief | None,
        backfill: Sequence[QueueWorkers] = (),
    ) -> None:
        super().__init__(scope, "Monitoring", termination_protection=environment.production)
        store = PublishedStore(self, "Store", parameter_path=environment.parameter)
        prices = Prices.read(environment.region)
        self.topic = topic = AlarmTopic(self, "Topic", environment=environment)
        if environment.alarms.chat:
            ChatChannel(self, "Chat", environment=environment, topic=topic)
        alarms = Alarms(
            self,
            "Alarms",
            topic=topic,
            environment=environment,
            api=api,
            workers=workers,
            relief=relief,
            store=store,
        )
        shortage = PartialShortage(self, "PartialShortage", topic=topic, workers=workers, store=store)
        projection = Projection(environment=environment, queue=store.queue, spot=workers.service)
        missed = MissedDeadline(
            self, "MissedDeadline", topic=topic, projection=projection, relief_tasks=environment.plan.relief_max_tasks
        )
        fleets = {WORKER: workers.service} | ({RELIEF: relief.service} if relief else {})
        DeploymentFailures(self, "DeploymentFailures", services=[api.service, *fleets.values()], topic=topic)
        limited = braked(environment, workers=workers, relief=relief, backfill=backfill)
        alarms.all += guard(
            self, environment=environment, dollars=budget(environment, prices), fleets=limited, topic=topic
        )
        dashboard = Dashboard(
            self,
            "Dashboard",
            environment=environment,
            api=api,
            fleets=fleets,
            store=store,
            alarms=[*alarms.all, shortage, missed],
            dollars_per_audio_hour=batch_per_audio_hour(environment, prices),
        )
        CfnOutput(self, "AlarmTopicArn", value=topic.topic_arn)
        CfnOutput(self, "DashboardName", value=dashboard.dashboard_name)
