from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.environments import Chat, Environment
from stacks.shared.handover import published


class ChatChannel(Construct):
    """Posts the messages of a topic to a channel of Slack or Teams, from which no command of AWS can be run."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)

        def parameter(name: str) -> str:
            return published(self, path=environment.parameter(name))

        common: dict[str, Any] = {
            # Required, and unique in the account.
            "configuration_name": environment.stack_name("Alarms"),
            "iam_role_arn": iam.Role(
                self, "Role", assumed_by=iam.ServicePrincipal("chatbot.amazonaws.com"), description="May do nothing"
            ).role_arn,
            "sns_topic_arns": [topic.topic_arn],
            # Without any, the limit would be an administrator's permissions.
            "guardrail_policies": [f"arn:{Aws.PARTITION}:iam::aws:policy/AWSDenyAll"],
        }
        if environment.alarms.chat is Chat.SLACK:
            chatbot.CfnSlackChannelConfiguration(
                self,
                "Slack",
                slack_workspace_id=parameter("slack-workspace-id"),
                slack_channel_id=parameter("slack-channel-id"),
                **common,
            )
        else:
            chatbot.CfnMicrosoftTeamsChannelConfiguration(
                self,
                "Teams",
                team_id=parameter("teams-team-id"),
                teams_tenant_id=parameter("teams-tenant-id"),
                teams_channel_id=parameter("teams-channel-id"),
                **common,
            )
