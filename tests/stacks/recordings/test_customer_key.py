"""Promises of an environment that encrypts its data with the account's own key."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stacks.environments import Environment, WebAcl
from tests.stacks.factory import LIVE, SHARED, TRIAL
from tests.stacks.promises import PROMISES
from tests.stacks.synthesis import KEPT, Template, listed, synthesize

SHARING = replace(TRIAL, name="shared", api=replace(TRIAL.api, web_acl=WebAcl()), **SHARED)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """The stacks of an environment with its own key."""
    made = synthesize([SHARING], tmp_path_factory.mktemp("cdk.out"))
    return {name.partition("/")[2]: template for name, template in made.items()}


@pytest.fixture
def key(stacks: Mapping[str, Template]) -> dict[str, Any]:
    """The key, with its policies."""
    (resource,) = stacks["Recordings"].resources("AWS::KMS::Key")
    return resource


def statement(key: Mapping[str, Any], service: str, **condition: str) -> dict[str, Any]:
    """The statement of the key's policy for a service whose conditions have a certain text."""
    (found,) = [
        statement
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if service in json.dumps(statement["Principal"])
        and all(value in json.dumps(statement.get("Condition", {}).get(name, {})) for name, value in condition.items())
    ]
    assert isinstance(found, dict)
    return found


def text(value: Any) -> str:
    """An ARN with the references in it by name."""
    parts = value["Fn::Join"][1] if isinstance(value, dict) else [value]
    return "".join(part if isinstance(part, str) else part["Ref"].removeprefix("AWS::") for part in parts)


def test_every_promise_holds_with_the_key(stacks: Mapping[str, Template]) -> None:
    """No other promise depends on AWS's keys."""
    for promise in PROMISES:
        promise(SHARING, stacks)


def test_events_reach_the_queues(key: Mapping[str, Any]) -> None:
    """EventBridge may use the key for the rules of this environment, in this account."""
    found = statement(key, "events.amazonaws.com", StringEquals="aws:SourceAccount")
    assert set(found["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert found["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert text(found["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(":AccountId:rule/whisper-shared-*")


@pytest.mark.parametrize("service", ["events.amazonaws.com", "cloudwatch.amazonaws.com", "budgets.amazonaws.com"])
def test_messages_reach_the_topics(key: Mapping[str, Any], service: str) -> None:
    """Of this environment only; EventBridge names no account when it publishes, so that no condition may ask for one."""
    found = statement(key, service, ArnLike="aws:sns:topicArn")
    assert set(found["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    topics = text(found["Condition"]["ArnLike"]["kms:EncryptionContext:aws:sns:topicArn"])
    assert topics.endswith(":AccountId:whisper-shared-*")
    assert ("StringEquals" in found["Condition"]) == (service != "events.amazonaws.com")


def test_logs_are_written_for_the_groups_of_the_environment(
    key: Mapping[str, Any], stacks: Mapping[str, Template]
) -> None:
    """The principal of CloudWatch Logs has the region in its name, and the group is the encryption context."""
    found = statement(key, "logs.")
    assert set(found["Action"]) == {
        f"kms:{verb}*" for verb in ("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "Describe")
    }
    groups = list(map(text, found["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]))
    names = [group.partition(":AccountId:log-group:")[2] for group in groups]
    assert names == ["whisper-shared-*", "aws-waf-logs-whisper-shared"]
    for template in stacks.values():
        for group in template.properties("AWS::Logs::LogGroup"):
            assert group.get("LogGroupName", names[0]) in names


def test_writers_of_other_accounts_may_encrypt_through_s3(key: Mapping[str, Any]) -> None:
    """A writer that S3 lets in could otherwise put nothing; the key is of no use to it outside S3."""
    found = statement(key, "111122223333")
    assert set(found["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert "s3." in json.dumps(found["Condition"]["StringEquals"]["kms:ViaService"])
    role = statement(key, "444455556666")["Condition"]["ArnEquals"]["aws:PrincipalArn"]
    assert role == "arn:aws:iam::444455556666:role/Recorder"


def test_nothing_else_is_in_the_policy_of_the_key(key: Mapping[str, Any]) -> None:
    """The account, EventBridge twice, CloudWatch with Budgets, the logs, and the writers."""
    assert len(key["Properties"]["KeyPolicy"]["Statement"]) == 1 + 2 + 1 + 1 + len(SHARED["writers"])


@pytest.mark.parametrize("environment", [TRIAL, LIVE], ids=lambda environment: environment.name)
def test_key_lives_as_long_as_the_data(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Production's outlives its stack; it is found by a parameter, as the data are."""
    own = replace(environment, customer_key=True)
    template = synthesize([own], tmp_path_factory.mktemp("cdk.out"))[f"{own.name}/Recordings"]
    (key,) = template.resources("AWS::KMS::Key")
    kept = (key["DeletionPolicy"], key["UpdateReplacePolicy"])
    assert kept == (KEPT if environment.production else ("Delete", "Delete"))
    assert f"/whisper/{own.name}/key-arn" in {each["Name"] for each in template.properties("AWS::SSM::Parameter")}


@pytest.mark.parametrize(
    ("stack", "role", "actions"),
    [
        ("Batch", "TaskRole", {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("People", "Operator", {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("People", "Uploader", {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("People", "Analyst", {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("Api", "TaskRole", {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("Api", "ExecutionRole", {"kms:Decrypt"}),
        (
            "Gate",
            "TaskRole",
            {"kms:DescribeKey", "kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"},
        ),
        ("Releases", "Pipeline", {"kms:Decrypt", "kms:GenerateDataKey*"}),
        ("Watch", "CanaryTaskRole", {"kms:Decrypt", "kms:GenerateDataKey"}),
    ],
)
def test_roles_that_reach_the_data_may_use_the_key(
    stacks: Mapping[str, Template], stack: str, role: str, actions: set[str]
) -> None:
    """Whoever may read or write an object, a message or the secret could otherwise not; the resource is this key only."""
    granted: set[str] = set()
    for policy in stacks[stack].properties("AWS::IAM::Policy"):
        if role in json.dumps(policy["Roles"]):
            for found in policy["PolicyDocument"]["Statement"]:
                if any(action.startswith("kms:") for action in listed(found["Action"])):
                    granted |= set(listed(found["Action"]))
                    assert "keyarn" in json.dumps(found["Resource"]).lower()
    assert granted == actions


def test_deployer_may_not_use_the_key(stacks: Mapping[str, Template]) -> None:
    """Deploying needs no data."""
    policies = [p for p in stacks["People"].properties("AWS::IAM::Policy") if "Deployer" in json.dumps(p["Roles"])]
    assert "kms:" not in json.dumps(policies)
