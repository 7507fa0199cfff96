"""Promises of the Gate stack."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from service.settings import Settings, variable
from tests.stacks.synthesis import KEPT, Template, listed


@pytest.fixture
def template(line: Mapping[str, Template]) -> Template:
    """The gate of the environment that releases reach first."""
    return line["trial/Gate"]


def allowed(template: Template, role: str) -> set[str]:
    """Actions that policies allow whose names begin with `role`."""
    return {
        action
        for resource in template.resources("AWS::IAM::Policy")
        if str(resource["Properties"]["PolicyName"]).startswith(role)
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }


def test_gate_is_a_task_of_the_new_image_that_evaluates(template: Template) -> None:
    """The deployment names the image by digest; the environment contains every setting of the service."""
    task = template.only("AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert container["Command"] == ["evaluate"]
    assert {"Ref": "ImageDigest"} in container["Image"]["Fn::Join"][1]
    assert "Default" not in template.body["Parameters"]["ImageDigest"]
    names = {pair["Name"] for pair in container["Environment"]}
    assert names == {variable(f.name) for f in fields(Settings) if "secret" not in f.metadata}


def test_gate_runs_only_when_a_release_starts_it(template: Template) -> None:
    """No service keeps it running, and no rule starts it."""
    assert not {"AWS::ECS::Service", "AWS::Events::Rule", "AWS::ApplicationAutoScaling::ScalableTarget"} & set(
        template.kinds()
    )


def test_golden_recordings_and_reports_are_private_and_kept(template: Template) -> None:
    """People transcribed them: they do not expire, and are kept when the stack is deleted."""
    (bucket,) = template.resources("AWS::S3::Bucket")
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == KEPT
    properties: dict[str, Any] = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["BucketEncryption"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert not [rule for rule in properties["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule]


def test_gate_writes_reports_and_only_people_write_recordings(template: Template) -> None:
    """A task that could change the golden recordings could improve its own result."""
    for policy in template.properties("AWS::IAM::Policy"):
        people = "Keeper" in str(policy["PolicyName"])
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = listed(statement["Action"])
            if any(action.startswith(("s3:Put", "s3:Abort")) for action in actions):
                (resource,) = listed(statement["Resource"])
                assert resource["Fn::Join"][1][-1] == ("/golden/*" if people else "/reports/*")
            if not people:
                assert not [action for action in actions if "Delete" in action]


def test_people_let_go_of_the_last_report_only(template: Template) -> None:
    """After a correction of a truth the last report is wrong; the others explain earlier releases."""
    deleting = {
        resource["Fn::Join"][1][-1]
        for policy in template.properties("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if "s3:DeleteObject" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    assert deleting == {"/golden/*", "/reports/latest.json"}


def test_release_may_run_the_gate_and_read_its_log(template: Template) -> None:
    """It may start, watch and stop this task only, and read its log."""
    assert {"ecs:RunTask", "ecs:DescribeTasks", "ecs:StopTask", "logs:GetLogEvents", "iam:PassRole"} <= allowed(
        template, "PolicytrialGateRelease"
    )
    for policy in template.properties("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Action"] in ("ecs:RunTask", "iam:PassRole"):
                assert "*" not in listed(statement["Resource"])


def test_outputs_are_those_that_a_release_reads(template: Template) -> None:
    """The output names are a contract with delivery/gate.py; people take the last one."""
    assert set(template.body["Outputs"]) == {
        "KeeperRoleArn",
        *("Manifest", "Reports", "Cluster", "Task", "Logs", "Subnets", "Firewall", "PublicAddress"),
    }


def test_task_lets_nothing_in_and_only_https_out(template: Template) -> None:
    """It calls AWS, and accepts no connections."""
    (group,) = template.properties("AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]
