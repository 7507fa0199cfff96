from collections.abc import Sequence

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from stacks.shared.alarm_topic import AlarmTopic
from stacks.shared.runbooks import runbook_page


class DeploymentFailures(events.Rule):
    """Notifies a topic when the circuit breaker or the rollback alarm of a service fails a deployment."""

    def __init__(
        self, scope: Construct, construct_id: str, *, services: Sequence[ecs.FargateService], topic: AlarmTopic
    ) -> None:
        event = events.EventField.from_path
        super().__init__(
            scope,
            construct_id,
            event_pattern=events.EventPattern(
                source=["aws.ecs"],
                detail_type=["ECS Deployment State Change"],
                detail={"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
                resources=[service.service_arn for service in services],
            ),
            targets=[
                targets.SnsTopic(
                    topic,
                    message=topic.notice(
                        f"A deployment of {event('$.resources[0]')} failed",
                        f"{event('$.detail.reason')} What to do: {runbook_page('deployment-failed')}",
                    ),
                )
            ],
        )
