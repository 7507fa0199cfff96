"""Who hears of alarms besides the mail address."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from stacks.environments import AlarmPlan, Chat, Environment, InvalidEnvironment
from tests.stacks.factory import FORGE
from tests.stacks.synthesis import Template, synthesize

SLACK = replace(FORGE, name="slack", alarms=AlarmPlan(endpoint=True, chat=Chat.SLACK))
TEAMS = replace(FORGE, name="teams", alarms=AlarmPlan(chat=Chat.TEAMS))
CHANNELS = {
    SLACK: ("AWS::Chatbot::SlackChannelConfiguration", {"slack-workspace-id", "slack-channel-id"}),
    TEAMS: (
        "AWS::Chatbot::MicrosoftTeamsChannelConfiguration",
        {"teams-team-id", "teams-tenant-id", "teams-channel-id"},
    ),
}


@pytest.fixture(scope="module")
def chatting(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """The stacks of an environment for each chat."""
    return synthesize([SLACK, TEAMS], tmp_path_factory.mktemp("cdk.out"))


@pytest.mark.parametrize("environment", [SLACK, TEAMS], ids=lambda environment: environment.name)
def test_channel_posts_the_alarms_and_runs_no_command(
    chatting: Mapping[str, Template], environment: Environment
) -> None:
    """Its ids are the account's; whoever writes in the channel has no permission in the account."""
    template, (kind, parameters) = chatting[f"{environment.name}/Monitoring"], CHANNELS[environment]
    channel = template.only(kind)
    assert channel["ConfigurationName"] == f"whisper-{environment.name}-Alarms"
    (topic,) = channel["SnsTopicArns"]
    assert template.body["Resources"][topic["Ref"]]["Type"] == "AWS::SNS::Topic"
    assert [
        json.dumps(policy).endswith(':iam::aws:policy/AWSDenyAll"]]}') for policy in channel["GuardrailPolicies"]
    ] == [True]
    role = channel["IamRoleArn"]["Fn::GetAtt"][0]
    assert not [p for p in template.properties("AWS::IAM::Policy") if {"Ref": role} in p["Roles"]]
    paths = {parameter["Default"] for parameter in template.body["Parameters"].values() if "Default" in parameter}
    assert {f"/whisper/{environment.name}/{name}" for name in parameters} <= paths


def test_endpoint_hears_of_alarms_and_failed_pipelines(chatting: Mapping[str, Template]) -> None:
    """Both topics post to it; its address is the account's."""
    for stack in ("Monitoring", "Delivery"):
        template = chatting[f"slack/{stack}"]
        (endpoint,) = [s for s in template.properties("AWS::SNS::Subscription") if s["Protocol"] == "https"]
        assert template.body["Parameters"][endpoint["Endpoint"]["Ref"]]["Default"] == "/whisper/slack/alarm-endpoint"
        (other,) = chatting[f"teams/{stack}"].properties("AWS::SNS::Subscription")
        assert other["Protocol"] == "email"


def test_notice_of_a_failed_deployment_has_the_form_that_a_chat_shows(
    chatting: Mapping[str, Template], line: Mapping[str, Template]
) -> None:
    """Amazon Q Developer drops a message in any other words; without a chat, the mail is a sentence."""
    (target,) = chatting["teams/Monitoring"].only("AWS::Events::Rule")["Targets"]
    message = json.loads(target["InputTransformer"]["InputTemplate"])
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert "docs/runbooks/deployment-failed.md" in message["content"]["description"]
    (plain,) = line["forge/Monitoring"].only("AWS::Events::Rule")["Targets"]
    assert json.loads(plain["InputTransformer"]["InputTemplate"]).startswith("A deployment of <")


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_chat_is_refused_where_aws_has_none(region: str) -> None:
    """At synth: CloudFormation would refuse the type."""
    with pytest.raises(InvalidEnvironment, match=rf"^slack\.alarms\.chat: got 'slack', expected None in {region}, "):
        replace(SLACK, region=region)
