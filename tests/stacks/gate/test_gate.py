"""What the release gate promises."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from service.settings import Settings, variable
from tests.stacks.synthesis import Template, listed


@pytest.fixture
def template(templates: Mapping[str, Template]) -> Template:
    """The gate stands where releases come first."""
    return templates["stage/Gate"]


def allowed(template: Template, role: str) -> set[str]:
    """What a policy whose name begins so allows."""
    return {
        action
        for resource in template.resources("AWS::IAM::Policy")
        if str(resource["Properties"]["PolicyName"]).startswith(role)
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }


def test_gate_is_a_task_of_the_new_image_that_evaluates(template: Template) -> None:
    """The image is the deploy's, by digest; settings are the service's, all of them."""
    task = template.only("AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert container["Command"] == ["evaluate"]
    assert {"Ref": "ImageDigest"} in container["Image"]["Fn::Join"][1]
    assert "Default" not in template.body["Parameters"]["ImageDigest"]
    names = {pair["Name"] for pair in container["Environment"]}
    assert names == {variable(f.name) for f in fields(Settings) if "secret" not in f.metadata}


def test_gate_costs_nothing_until_it_is_asked(template: Template) -> None:
    """No service keeps it running, and nothing starts it but a release."""
    assert not {"AWS::ECS::Service", "AWS::Events::Rule", "AWS::ApplicationAutoScaling::ScalableTarget"} & set(
        template.kinds()
    )


def test_golden_recordings_and_reports_are_private_and_kept(template: Template) -> None:
    """People heard and wrote them down: they do not age out, and outlive the stack."""
    (bucket,) = template.resources("AWS::S3::Bucket")
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    properties: dict[str, Any] = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["BucketEncryption"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert not [rule for rule in properties["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]


def test_gate_writes_reports_and_never_recordings(template: Template) -> None:
    """A task that could change its own golden recordings would measure what it likes."""
    for policy in template.properties("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if any(action.startswith(("s3:Put", "s3:Abort")) for action in listed(statement["Action"])):
                (resource,) = listed(statement["Resource"])
                assert resource["Fn::Join"][1][-1] == "/reports/*"
            assert not [action for action in listed(statement["Action"]) if "Delete" in action]


def test_release_may_run_the_gate_and_read_what_it_says(template: Template) -> None:
    """Start, watch, stop, read the log: of this task only."""
    assert {"ecs:RunTask", "ecs:DescribeTasks", "ecs:StopTask", "logs:GetLogEvents", "iam:PassRole"} <= allowed(
        template, "PolicystageGateRelease"
    )
    for policy in template.properties("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Action"] in ("ecs:RunTask", "iam:PassRole"):
                assert "*" not in listed(statement["Resource"])


def test_outputs_are_what_a_release_reads(template: Template) -> None:
    """The names are a contract with delivery/gate.py."""
    assert set(template.body["Outputs"]) == {
        *("Manifest", "Reports", "Cluster", "Task", "Logs", "Subnets", "Firewall", "PublicAddress")
    }


def test_task_lets_nothing_in_and_only_https_out(template: Template) -> None:
    """It reads from and writes to AWS, and nobody calls it."""
    (group,) = template.properties("AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]
