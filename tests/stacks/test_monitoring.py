"""What the monitoring stack promises."""

from collections.abc import Mapping

import pytest

from stacks.environments import Environment
from tests.stacks.synthesis import Template


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The monitoring stack of each environment."""
    return templates[f"{environment.name}/Monitoring"]


def test_what_goes_wrong_reaches_a_person(template: Template) -> None:
    """Every alarm says what it means, and tells one topic when it starts and when it ends."""
    alarms = template.properties("AWS::CloudWatch::Alarm")
    (topic,) = [name for name, r in template.body["Resources"].items() if r["Type"] == "AWS::SNS::Topic"]
    assert len(alarms) == 4
    for alarm in alarms:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
        assert alarm["AlarmDescription"].endswith(".")


def test_alarms_go_to_the_address_the_account_knows(template: Template, environment: Environment) -> None:
    """Nobody's address is in the code; a deploy without one is refused by the parameter's name."""
    subscription = template.only("AWS::SNS::Subscription")
    assert subscription["Protocol"] == "email"
    parameter = template.body["Parameters"][subscription["Endpoint"]["Ref"]]
    assert parameter["Default"] == f"/whisper/{environment.name}/alarm-address"


def test_one_dead_letter_is_one_too_many(template: Template) -> None:
    """A recording that was given up is noticed within a minute."""
    (alarm,) = [a for a in template.properties("AWS::CloudWatch::Alarm") if "dead-letter" in a["AlarmDescription"]]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"]) == (1, 1, 60)
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"


def test_oldest_message_is_measured_against_the_deadline(template: Template, environment: Environment) -> None:
    """The alarm sounds while there is time left before transcripts are due."""
    (alarm,) = [a for a in template.properties("AWS::CloudWatch::Alarm") if "deadline" in a["AlarmDescription"]]
    assert alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
    assert alarm["Threshold"] == environment.plan.oldest_message_alarm_seconds
    assert alarm["Threshold"] < environment.workload.window_hours * 3600


def test_topic_takes_the_alarms_of_its_own_account_only(template: Template) -> None:
    """CloudWatch may publish, on behalf of this account; a policy without this line swallows every alarm."""
    policy = template.only("AWS::SNS::TopicPolicy")["PolicyDocument"]
    (allowed,) = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    assert allowed["Action"] == "sns:Publish"
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_alarms_travel_encrypted(template: Template) -> None:
    """The topic takes nothing over plain HTTP."""
    policy = template.only("AWS::SNS::TopicPolicy")["PolicyDocument"]
    assert [s["Condition"] for s in policy["Statement"] if s["Effect"] == "Deny"] == [
        {"Bool": {"aws:SecureTransport": "false"}}
    ]
