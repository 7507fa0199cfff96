"""Each role of the pipelines may do what its steps ask of AWS, and beyond that only what a list names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from delivery import gate, images, rollout
from delivery.deployed import DeployedEnvironment
from local.emulator import ACCOUNT
from tests.delivery.cloud import BOOTSTRAP, NEW, OLD, Cloud
from tests.delivery.policies import FREE, OF_THE_LIBRARY, Need, Policies, as_text, covers
from tests.delivery.recorder import Recording, recording
from tests.delivery.tasks import EndedTasks
from tests.delivery.test_images import git as repository_with_a_tag
from tests.delivery.test_images import golden, head
from tests.delivery.test_rollout import BRISK

__all__ = ["repository_with_a_tag"]  # a fixture

pytestmark = pytest.mark.verify

# What Docker asks of a registry, with the token of a role: the tests have another program in its place.
PULLING = {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
PUSHING = {"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage"}
# What CodeBuild does with a project's role before and after the steps: their source, their logs.
CODEBUILD = {
    *("s3:GetBucket*", "s3:GetObject*", "s3:List*"),
    *("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
}
CLONING = {"codeconnections:UseConnection", "codestar-connections:UseConnection"}
# A gate that does not end is stopped; the report of the release is copied by parts, if it is large.
STOPPING = {"ecs:StopTask", "s3:Abort*"}
# A step that finds a stack finds its resources, too.
LOOKING = {"cloudformation:DescribeStackResources"}
# After a first create of production that failed; nothing of the kind happens here.
RECOVERING = {"cloudformation:UpdateTerminationProtection", "elasticloadbalancing:ModifyLoadBalancerAttributes"}
# That services work is looked at in production: this environment has none in the emulator.
CHECKING = {"ecs:DescribeServices", "elasticloadbalancing:DescribeTargetHealth", "cloudwatch:DescribeAlarms"}
# The checks after a deploy run as tasks of the stack Watch, which these environments do not have.
PROVING = {"ecs:RunTask", "iam:PassRole", "ecs:DescribeTasks", "ecs:StopTask", "logs:GetLogEvents"}
BEYOND: Mapping[str, set[str]] = {
    "CiBuild": CODEBUILD | PULLING | PUSHING | LOOKING | {"ecr:BatchImportUpstreamImage"},
    # The library groups the rights to pull; a deploy logs in nowhere.
    "CiDeploy": CODEBUILD | PULLING | LOOKING | PROVING | {"ecr:GetAuthorizationToken", "ecr:DescribeImages"},
    "verify": CODEBUILD | CLONING,
    "trial": CODEBUILD | CLONING,
    "live": CODEBUILD | CLONING,
    "record": CODEBUILD | CLONING,
    "forge/ReleaseRole": PULLING | LOOKING,
    "trial/ReleaseRole": PULLING | PUSHING | LOOKING | CHECKING | PROVING | STOPPING | OF_THE_LIBRARY,
    "live/ReleaseRole": PULLING | PUSHING | LOOKING | PROVING | RECOVERING,
}


class Silent(EndedTasks):
    """An environment whose gate passes, and leaves no log: to write one would be a call of the tests' own."""

    def _write(self, logs: object) -> None:
        """Nothing."""


@dataclass(kw_only=True)
class Line:
    """The roles of the release line in the emulator, and what each of them asked for.

    Attributes:
        roles: ARN of each role by its short name.
        environ: variables of a build in the emulator.
    """

    roles: Mapping[str, str]
    environ: Mapping[str, str]
    recorded: Recording
    cloud: Cloud
    used: dict[str, set[Need]] = field(default_factory=dict)

    @contextmanager
    def working_as(self, name: str, monkeypatch: pytest.MonkeyPatch, *takes: str) -> Iterator[Mapping[str, str]]:
        """The variables of a build with the role of a project, which takes the release roles of some environments."""
        sts = self.cloud.session.client("sts", endpoint_url=self.recorded.url)
        keys = sts.assume_role(RoleArn=self.roles[name], RoleSessionName="build")["Credentials"]
        own = {
            **self.environ,
            "AWS_ENDPOINT_URL": self.recorded.url,
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
            **{f"ROLE_{at.upper()}": self.roles[f"{at}/ReleaseRole"] for at in takes},
        }
        with monkeypatch.context() as patched:
            for key, value in own.items():
                patched.setenv(key, value)
            yield own


def roles(cloud: Cloud) -> dict[str, str]:
    """ARN of each role that a step works with."""
    made = {}
    for name, stack, prefix in (
        ("CiBuild", "whisper-forge-Delivery", "CiBuildRole"),
        ("CiDeploy", "whisper-forge-Delivery", "CiDeployRole"),
        *(
            (stage, "whisper-trial-Releases", f"Release{stage.title()}Role")
            for stage in ("verify", "trial", "live", "record")
        ),
        *((f"{at}/ReleaseRole", f"whisper-{at}-Delivery", "ReleaseRole") for at in ("forge", "trial", "live")),
    ):
        described = cloud.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
        (role,) = [
            resource["PhysicalResourceId"]
            for resource in described
            if resource["ResourceType"] == "AWS::IAM::Role" and resource["LogicalResourceId"].startswith(prefix)
        ]
        made[name] = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    return made


@pytest.fixture
def released(cloud: Cloud, repository_with_a_tag: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A commit built and deployed, and released through all stages, each step with the role of its project."""
    git, commit = repository_with_a_tag, head(repository_with_a_tag)
    bucket, key = golden(cloud)
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{}")
    with recording(cloud.environ["AWS_ENDPOINT_URL"]) as recorded:
        made = Line(roles=roles(cloud), environ={**cloud.environ, **git}, recorded=recorded, cloud=cloud)
        with made.working_as("CiBuild", monkeypatch) as own:
            digest = images.build(DeployedEnvironment.named("forge", own), commit)
        with made.working_as("CiDeploy", monkeypatch) as own:
            rollout.deploy(DeployedEnvironment.named("forge", own), digest)
        with made.working_as("verify", monkeypatch, "forge", "trial") as own:
            trial = DeployedEnvironment.named("trial", own)
            assert images.verify(trial, commit, own) == digest
            gate.prepared(trial)
        with made.working_as("trial", monkeypatch, "forge", "trial") as own:
            images.promote(DeployedEnvironment.named("trial", own), commit, digest, own)
            rollout.deploy(DeployedEnvironment.named("trial", own), digest)
            measured = Silent(own, name="trial", stack="Gate", logs="Logs", verb="evaluate", line="", code=0)
            gate.measure(measured, digest, poll_s=0.01)
        with made.working_as("live", monkeypatch, "trial", "live") as own:
            live = DeployedEnvironment.named("live", own)
            images.promote(live, commit, digest, own)
            rollout.release(live, digest, BRISK)
        report = measured.outputs("Gate")["Reports"].rpartition("/")[2]
        body = {"Bucket": bucket, "Key": f"{report}/{digest.removeprefix('sha256:')}.json", "Body": b"{}"}
        cloud.client("s3").put_object(**body)
        with made.working_as("record", monkeypatch, "trial") as own:
            gate.record(DeployedEnvironment.named("trial", own), digest)
        yield made
    for key, value in cloud.environ.items():
        monkeypatch.setenv(key, value)
    rollout.deploy(DeployedEnvironment.named("live", cloud.environ), OLD)
    rollout.deploy(DeployedEnvironment.named("trial", cloud.environ), NEW)
    cloud.calls("cdk")
    cloud.calls("docker")


def test_each_role_may_do_what_its_steps_ask_for_and_beyond_that_only_what_a_list_names(released: Line) -> None:
    """A permission that is missing fails here and not in the first release; one too many has no reason in the list."""
    policies = Policies(released.cloud)
    name_of = {arn: name for name, arn in released.roles.items()}
    used: dict[str, set[Need]] = {name: set() for name in released.roles}
    lacking: set[tuple[str, Need]] = set()
    for call in released.recorded.calls:
        arn = released.recorded.roles.get(call.key, "")
        # The tests' own calls, and those of the role with which the CDK deploys, are none of the steps'.
        if arn not in name_of:
            continue
        for need in policies.needs(call):
            if need.action in FREE:
                continue
            used[name_of[arn]].add(need)
            if not policies.allows(arn, need):
                lacking.add((name_of[arn], need))
            if need.action == "sts:AssumeRole" and need.resource != BOOTSTRAP:
                assert policies.admits(need.resource, arn), (name_of[arn], need.resource)
    assert not lacking, as_text(lacking)
    assert all(used.values())
    unused = {
        name: {
            action for action in policies.actions(arn) if not any(covers(action, need.action) for need in used[name])
        }
        for name, arn in released.roles.items()
    }
    named = {name: beyond - {need.action for need in used[name]} for name, beyond in BEYOND.items()}
    assert {name: sorted(unused[name] ^ named[name]) for name in named if unused[name] != named[name]} == {}


def test_recording_sees_the_steps(released: Line, tmp_path: Path) -> None:
    """The test above would pass if nothing were recorded or everything allowed."""
    assert tmp_path
    policies, live = Policies(released.cloud), released.roles["live/ReleaseRole"]
    done = {need.action for call in released.recorded.calls for need in policies.needs(call)}
    assert {"ecr:PutImage", "sts:AssumeRole", "ecs:RunTask", "iam:PassRole", "cloudwatch:DescribeAlarms"} <= done
    assert not policies.allows(live, Need("ecs:RunTask", "*"))
    assert not policies.allows(live, Need("sts:AssumeRole", released.roles["trial/ReleaseRole"]))
    assert not policies.admits(live, released.roles["trial"])
