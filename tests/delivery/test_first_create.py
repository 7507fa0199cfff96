"""A first create that failed, in the emulator and as CloudFormation leaves it, and the way to the next one."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delivery import first_create, registry, rollout, states
from delivery.assembly import Assembly
from delivery.deployed import DeployedEnvironment
from local import emulator
from local.emulator import Emulator
from tests.emulated import FINISH_SECONDS
from tests.stacks.factory import REGION
from tests.stacks.synthesis import Template

TAKEN = "/whisper/live/queue-name"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An account with nothing in it."""
    folder = tmp_path_factory.mktemp("first-create")
    try:
        yield emulator.start(folder)
    finally:
        emulator.stop(folder)


@pytest.fixture
def live(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> DeployedEnvironment:
    """Production in that account."""
    environ = aws.environ() | {"AWS_DEFAULT_REGION": REGION}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return DeployedEnvironment.named("live", environ)


def create(deployed: DeployedEnvironment, template: Template) -> str:
    """The status in which the protected create of a production stack ends."""
    cloudformation, name = deployed.client("cloudformation"), deployed.environment.stack_name("Recordings")
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(template.body), EnableTerminationProtection=True
    )
    deadline = time.monotonic() + FINISH_SECONDS
    while (status := str(deployed.stack("Recordings")["StackStatus"])).endswith("PROGRESS"):
        assert time.monotonic() < deadline, status
        time.sleep(0.05)
    return status


def recover(deployed: DeployedEnvironment, line: Mapping[str, Template], *stacks: str) -> None:
    """Recover some of the environment's stacks."""
    assembly = Assembly.read(line["live/Network"].path.parent)
    first_create.recover(deployed, assembly, [assembly.stacks[f"live/{stack}"] for stack in stacks])


def test_failed_create_of_production_can_be_run_again(live: DeployedEnvironment, line: Mapping[str, Template]) -> None:
    """It leaves no bucket and no queue; its stack is deleted after `recover`; one that works stays protected."""
    cloudformation, ssm, template = live.client("cloudformation"), live.client("ssm"), line["live/Recordings"]
    name = live.environment.stack_name("Recordings")
    ssm.put_parameter(Name=f"/cdk-bootstrap/{template.qualifier}/version", Value="99", Type="String")
    ssm.put_parameter(Name=TAKEN, Value="by another", Type="String")
    assert create(live, template) == "ROLLBACK_COMPLETE"
    assert not live.client("s3").list_buckets()["Buckets"]
    assert not live.client("sqs").list_queues().get("QueueUrls")
    with pytest.raises(ClientError, match="TerminationProtection"):
        cloudformation.delete_stack(StackName=name)
    recover(live, line, "Network", "Recordings")
    cloudformation.delete_stack(StackName=name)
    ssm.delete_parameter(Name=TAKEN)
    assert create(live, template) == "CREATE_COMPLETE"
    recover(live, line, "Recordings")
    with pytest.raises(ClientError, match="TerminationProtection"):
        cloudformation.delete_stack(StackName=name)


class Failed:
    """CloudFormation's answers for a stack whose rollback could not delete its load balancer."""

    def __init__(self, balancer: str, status: str) -> None:
        self.unprotected: list[str] = []
        self._balancer, self._status = balancer, status

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        """The one stack."""
        return {
            "Stacks": [
                {"StackName": "whisper-live-Api", "StackStatus": self._status, "EnableTerminationProtection": True}
            ]
        }

    def describe_stack_resources(self, **_: str) -> dict[str, Any]:
        """The load balancer, which remains, and another one that is gone."""
        kind = {"ResourceType": first_create.LOAD_BALANCER}
        gone = {**kind, "ResourceStatus": "DELETE_COMPLETE", "PhysicalResourceId": "gone"}
        return {
            "StackResources": [gone, {**kind, "ResourceStatus": "DELETE_FAILED", "PhysicalResourceId": self._balancer}]
        }

    def update_termination_protection(self, *, StackName: str, EnableTerminationProtection: bool) -> None:  # noqa: N803
        """Note a stack that is not protected any more."""
        assert not EnableTerminationProtection
        self.unprotected.append(StackName)


@pytest.mark.parametrize(("status", "protection"), [("ROLLBACK_FAILED", "false"), ("UPDATE_ROLLBACK_FAILED", "true")])
def test_only_a_failed_create_loses_the_protection_of_its_load_balancer(
    live: DeployedEnvironment,
    line: Mapping[str, Template],
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    protection: str,
) -> None:
    """A protected load balancer stops the rollback of a create; a stack that worked before is rolled back instead."""
    balancing = live.client("elbv2")
    (balancer,) = balancing.create_load_balancer(Name=f"live-{protection}", Subnets=["subnet-1", "subnet-2"])[
        "LoadBalancers"
    ]
    arn = balancer["LoadBalancerArn"]
    key = "deletion_protection.enabled"
    balancing.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": "true"}])
    cloudformation, called = Failed(arn, status), list[tuple[str, ...]]()
    monkeypatch.setitem(live._clients, "cloudformation", cloudformation)
    monkeypatch.setattr(first_create, "run", lambda *command, **_: called.append(command[:3]))
    recover(live, line, "Api")
    failed = protection == "false"
    assert cloudformation.unprotected == ([live.environment.stack_name("Api")] if failed else [])
    assert called == ([] if failed else [("cdk", "rollback", "live/Api")])
    assert {"Key": key, "Value": protection} in balancing.describe_load_balancer_attributes(LoadBalancerArn=arn)[
        "Attributes"
    ]


@pytest.mark.parametrize(
    ("status", "worked"), [("ROLLBACK_COMPLETE", False), ("REVIEW_IN_PROGRESS", False), ("UPDATE_COMPLETE", True)]
)
def test_failed_create_is_no_version_to_go_back_to(
    live: DeployedEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    worked: bool,  # noqa: FBT001
) -> None:
    """A release after it would otherwise roll back to an image that never ran."""
    monkeypatch.setitem(live._clients, "cloudformation", Failed("", status))
    assert states.has_worked(live, "Api") == worked


def test_every_deploy_recovers_first(
    live: DeployedEnvironment, line: Mapping[str, Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next release mends the leftovers of the last one, not the first deploy alone."""
    called: list[str] = []
    assembly = Assembly.read(line["live/Network"].path.parent)
    monkeypatch.setattr(rollout, "synthesize", lambda _: assembly)
    for check in ("check_processor", "keep"):
        monkeypatch.setattr(registry, check, lambda *_: None)
    monkeypatch.setattr(first_create, "recover", lambda *_: called.append("recover"))
    monkeypatch.setattr(rollout, "run", lambda *command, **_: called.append(command[1]))
    rollout.deploy(live, f"sha256:{'0' * 64}")
    assert called == ["recover", "deploy"]


def test_linked_role_of_ecs_is_made_once(live: DeployedEnvironment) -> None:
    """The first cluster of an account needs it, and a second run finds it."""
    for _ in range(2):
        first_create.make_linked_role(live)
        (role,) = live.client("iam").list_roles(PathPrefix="/aws-service-role/ecs.amazonaws.com/")["Roles"]
        assert role["Path"] == "/aws-service-role/ecs.amazonaws.com/"
