from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk.aws_ssm import StringParameter
from constructs import Construct

from stacks.constructs.alarms import Alarms
from stacks.constructs.inference_api import InferenceApi
from stacks.constructs.recordings_store import PublishedStore
from stacks.environments import Environment


class Monitoring(Stack):
    """What wakes a person."""

    def __init__(self, scope: Construct, *, environment: Environment, api: InferenceApi) -> None:
        super().__init__(scope, "Monitoring", termination_protection=environment.production)
        store = PublishedStore(self, "Store", environment=environment)
        address = environment.parameter("alarm-address")
        alarms = Alarms(self, "Alarms", address=StringParameter.value_for_string_parameter(self, address))
        minute = Duration.minutes(1)
        alarms.watch(
            "DeadLetters",
            metric=store.dead_letters.metric_approximate_number_of_messages_visible(period=minute),
            threshold=1,
            minutes=1,
            meaning=f"A recording failed {environment.max_receives} times and waits in the dead-letter queue.",
        )
        alarms.watch(
            "OldestMessage",
            metric=store.queue.metric_approximate_age_of_oldest_message(period=minute),
            threshold=environment.plan.oldest_message_alarm_seconds,
            minutes=1,
            meaning="A recording has waited so long that its deadline is in danger.",
        )
        alarms.watch(
            "Errors",
            metric=api.errors,
            threshold=1,
            minutes=5,
            meaning="The API has answered requests with 5xx for five minutes.",
        )
        alarms.watch(
            "UnhealthyHosts",
            metric=api.unhealthy_hosts,
            threshold=1,
            minutes=5,
            meaning="A task of the API has not been ready for five minutes.",
        )
        CfnOutput(self, "AlarmTopicArn", value=alarms.topic.topic_arn)
