"""Promises of the queue of webhooks, the secret that signs them, and the environments that may have them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from service.contract import WEBHOOK_MAX_RECEIVES, WebhookMetric
from service.webhooks.courier import POLL_SECONDS
from service.webhooks.sender import SECONDS
from service.webhooks.signature import read_secrets
from service.webhooks.target import PORTS
from stacks.environments import Egress, ExistingNetwork, InvalidEnvironment, NetworkPlan
from tests.stacks.factory import LIVE, TRIAL, existing_network
from tests.stacks.synthesis import KEPT, Template, listed, statements, synthesize


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """Production with webhooks."""
    return synthesize([replace(LIVE, api=replace(LIVE.api, webhooks=True))], tmp_path_factory.mktemp("webhooks"))


@pytest.fixture
def live(production: Mapping[str, Template]) -> Template:
    """Its API stack."""
    return production["live/Api"]


def test_message_outlasts_an_attempt_and_is_kept_longer_among_the_dead(live: Template) -> None:
    """Both queues are encrypted and refuse plain HTTP; production keeps them."""
    queues = live.resources("AWS::SQS::Queue")
    (queue,) = [found["Properties"] for found in queues if "RedrivePolicy" in found["Properties"]]
    (dead,) = [found["Properties"] for found in queues if "RedrivePolicy" not in found["Properties"]]
    assert queue["VisibilityTimeout"] > 2 * (SECONDS + POLL_SECONDS)
    assert queue["RedrivePolicy"]["maxReceiveCount"] == WEBHOOK_MAX_RECEIVES
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
    assert {found["Properties"]["SqsManagedSseEnabled"] for found in queues} == {True}
    assert {(found["DeletionPolicy"], found["UpdateReplacePolicy"]) for found in queues} == {KEPT}
    plain = [found for found in statements(live) if found["Effect"] == "Deny" and "sqs:*" in listed(found["Action"])]
    assert len(plain) == 2


def test_tasks_may_use_the_queue_and_read_the_secret_only(live: Template) -> None:
    """Nothing else of SQS or of Secrets Manager; tests/delivery/test_task_policies.py uses each of these rights."""
    rights: dict[str, set[str]] = {}
    for policy in live.properties("AWS::IAM::Policy"):
        if "TaskRole" in str(policy["Roles"]):
            for found in policy["PolicyDocument"]["Statement"]:
                for action in listed(found["Action"]):
                    rights.setdefault(action, set()).update(map(str, listed(found["Resource"])))
    for action in ("SendMessage", "ReceiveMessage", "ChangeMessageVisibility", "DeleteMessage"):
        (resource,) = rights[f"sqs:{action}"]
        assert "WebhooksQueue" in resource
    assert any("WebhooksSecret" in resource for resource in rights["secretsmanager:GetSecretValue"])
    assert not any("Put" in action or "Update" in action for action in rights if action.startswith("secretsmanager"))


def test_operator_can_redrive_the_dead_letters(production: Mapping[str, Template]) -> None:
    """As the runbook says, and no more: the queue itself only takes what is moved, and the secret is out of reach."""
    people = production["live/People"]
    rights = [
        (action, str(resource))
        for found in statements(people)
        for action in listed(found["Action"])
        for resource in listed(found["Resource"])
        if "Webhooks" in str(resource)
    ]
    verbs = ("StartMessageMoveTask", "CancelMessageMoveTask", "ListMessageMoveTasks", "ReceiveMessage", "DeleteMessage")
    dead = {action for action, resource in rights if "WebhooksDeadLetters" in resource}
    assert dead == {f"sqs:{verb}" for verb in (*verbs, "GetQueueAttributes", "GetQueueUrl")}
    assert {action for action, resource in rights if "WebhooksDeadLetters" not in resource} == {"sqs:SendMessage"}
    assert "WebhooksSecret" not in people.path.read_text()


def test_roles_know_of_no_webhooks_without_them(line: Mapping[str, Template]) -> None:
    """The queues are not there."""
    assert "Webhooks" not in line["live/People"].path.read_text()


def test_generated_secret_is_one_that_the_service_reads(live: Template) -> None:
    """Forty letters and digits are base64 of thirty bytes."""
    (secret,) = [found for found in live.properties("AWS::SecretsManager::Secret") if "webhook" in found["Description"]]
    generated: dict[str, Any] = secret["GenerateSecretString"]
    assert (generated["PasswordLength"], generated["ExcludePunctuation"]) == (40, True)
    assert len(read_secrets("aB3" * 13 + "x")[0]) == 30


def test_firewall_lets_out_the_ports_of_webhooks(live: Template) -> None:
    """And no other."""
    (group,) = [g for g in live.properties("AWS::EC2::SecurityGroup") if "Firewall" in g["GroupDescription"]]
    assert {rule["FromPort"] for rule in group["SecurityGroupEgress"]} == PORTS


def test_webhook_that_is_given_up_rings(production: Mapping[str, Template]) -> None:
    """At the first one, and at the first message among the dead letters; both tell people the same page."""
    alarms = [
        alarm
        for alarm in production["live/Monitoring"].properties("AWS::CloudWatch::Alarm")
        if alarm["AlarmDescription"].endswith("What to do: docs/runbooks/webhooks.md")
    ]
    assert all(alarm["AlarmActions"] for alarm in alarms)
    assert {alarm["MetricName"] for alarm in alarms} == {
        WebhookMetric.GIVEN_UP,
        "ApproximateNumberOfMessagesVisible",
    }
    assert {(alarm["Threshold"], alarm["EvaluationPeriods"]) for alarm in alarms} == {(1, 1)}


@pytest.mark.parametrize(
    "network", [replace(TRIAL.network, egress=Egress.ENDPOINTS), existing_network(Egress.ENDPOINTS)]
)
def test_environment_without_a_way_to_the_internet_has_no_webhooks(network: NetworkPlan | ExistingNetwork) -> None:
    """Said by name, before anything is synthesized."""
    with pytest.raises(
        InvalidEnvironment, match=r"trial\.api\.webhooks: got 'True', expected False when network\.egress"
    ):
        replace(TRIAL, network=network, api=replace(TRIAL.api, webhooks=True))
    assert not replace(TRIAL, network=network).api.webhooks
