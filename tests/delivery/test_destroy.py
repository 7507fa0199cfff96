"""An environment's end, in the emulator: everything goes but kept buckets, and a second run goes on."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delivery import account, destroy, rollout
from delivery.assembly import Assembly
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused
from local.deploy import STACKS
from local.emulator import Emulator
from tests.delivery.empty import running, variables
from tests.emulated import create_stack
from tests.stacks.synthesis import Template


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An account with nothing in it."""
    with running(tmp_path_factory.mktemp("destroy")) as emulator:
        yield emulator


@pytest.fixture
def environ(
    aws: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    templates: Mapping[str, Template],
    line: Mapping[str, Template],
) -> Mapping[str, str]:
    """The variables of a person who works there; the stacks are synthesized already."""
    made = {**templates, **line}
    monkeypatch.setattr(
        rollout, "synthesize", lambda deployed: Assembly.read(made[f"{deployed.name}/Network"].path.parent)
    )
    own = variables(aws)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return own


def stacks(deployed: DeployedEnvironment) -> set[str]:
    """Stacks of the environment that are there, by name."""
    pages = deployed.client("cloudformation").get_paginator("describe_stacks").paginate()
    found = {stack["StackName"] for page in pages for stack in page["Stacks"] if "DELETE" not in stack["StackStatus"]}
    return {name for name in found if name.startswith("whisper-")}


def buckets(deployed: DeployedEnvironment) -> set[str]:
    """Every bucket."""
    return {bucket["Name"] for bucket in deployed.client("s3").list_buckets()["Buckets"]}


def fill(deployed: DeployedEnvironment, bucket: str) -> None:
    """Put an object, overwrite it, and delete it."""
    for body in (b"1", b"2"):
        deployed.client("s3").put_object(Bucket=bucket, Key="call.wav", Body=body)
    deployed.client("s3").delete_object(Bucket=bucket, Key="call.wav")


def delete_like_the_cdk(*command: str, environ: Mapping[str, str], **_: Any) -> None:
    """Delete the stacks of `cdk destroy PATH…`, in the reverse order."""
    deployed = DeployedEnvironment.named(command[2].partition("/")[0], environ)
    client = deployed.client("cloudformation")
    paths = [word for word in command[2:] if word.startswith(f"{deployed.name}/")]
    for path in reversed(paths):
        name = deployed.environment.stack_name(path.partition("/")[2])
        client.delete_stack(StackName=name)
        deadline = time.monotonic() + 10
        while deployed.exists(path.partition("/")[2]) and time.monotonic() < deadline:
            time.sleep(0.05)


@pytest.mark.parametrize("confirmed", ["", "live"])
def test_end_without_the_name_once_more_changes_nothing(
    environ: Mapping[str, str], capfd: pytest.CaptureFixture[str], confirmed: str
) -> None:
    """Recordings are not deleted by a finger that slips."""
    assert account.main(["destroy", "forge", "--confirm", confirmed], environ) == 1
    assert f"--confirm: got '{confirmed}', expected 'forge'" in capfd.readouterr().err


def test_production_has_no_such_end(environ: Mapping[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing that a script does deletes the calls of production."""
    assert account.main(["destroy", "live", "--confirm", "live"], environ) == 1
    assert "live: got production, expected another" in capfd.readouterr().err


def test_end_deletes_what_is_in_the_buckets_and_every_stack_and_does_nothing_again(
    aws: Emulator, environ: Mapping[str, str], templates: Mapping[str, Template], capfd: pytest.CaptureFixture[str]
) -> None:
    """Recordings with all their versions, transcripts, queues, images: everything that was deployed is gone."""
    deployed = DeployedEnvironment.named("local", environ)
    names = {deployed.environment.stack_name(stack): f"local/{stack}" for stack in STACKS}
    for name, path in names.items():
        create_stack(deployed.session, aws.url, name=name, template=templates[path].body)
    assert stacks(deployed) == set(names)
    outputs = deployed.outputs("Recordings")
    filled = {outputs["RecordingsBucket"], outputs["TranscriptsBucket"]}
    for bucket in filled:
        fill(deployed, bucket)
    logs, prefix = deployed.client("logs"), deployed.environment.stack_name("")
    beside = (f"/aws/lambda/{prefix}Network-f", f"/aws/ecs/containerinsights/{prefix}Cluster-c/performance")
    others = "/aws/lambda/another-application"
    for name in (*beside, others):
        logs.create_log_group(logGroupName=name)
    for _ in range(2):
        assert account.main(["destroy", "local", "--confirm", "local"], environ) == 0
        assert not stacks(deployed)
    assert not buckets(deployed) & filled
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == [others]
    assert "local is gone." in capfd.readouterr().err


def test_golden_recordings_are_kept_until_their_bucket_is_named(
    aws: Emulator,
    environ: Mapping[str, str],
    line: Mapping[str, Template],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """People transcribed them: every version stays, another name is refused, and its own name deletes the bucket."""
    monkeypatch.setattr(destroy, "run", delete_like_the_cdk)
    deployed = DeployedEnvironment.named("trial", environ)
    for stack in ("Network", "Registry", "Cluster", "Delivery", "Gate"):
        name = deployed.environment.stack_name(stack)
        create_stack(deployed.session, aws.url, name=name, template=line[f"trial/{stack}"].body)
    (golden,) = deployed.resources("Gate", "AWS::S3::Bucket")
    fill(deployed, golden)
    versions = deployed.client("s3").list_object_versions(Bucket=golden)["Versions"]
    command = ["destroy", "trial", "--confirm", "trial"]
    assert account.main([*command, "--also", f"{golden} others"], environ) == 1
    assert f"--also: got others, expected a bucket of trial that outlives its stack: {golden}" in (
        capfd.readouterr().err
    )
    assert stacks(deployed)
    assert account.main(command, environ) == 0
    assert not stacks(deployed)
    assert deployed.client("s3").list_object_versions(Bucket=golden)["Versions"] == versions
    assert f"make destroy ENV=trial CONFIRM=trial ALSO={golden}" in capfd.readouterr().err
    assert account.main([*command, "--also", golden], environ) == 0
    assert golden not in buckets(deployed)


def test_expired_credentials_end_with_one_line_that_says_to_go_on(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The program does not try three times; the next run, with new credentials, finds less to do."""
    deployed = DeployedEnvironment.named("local", environ)
    attempts = []

    def cdk(*_: str, **__: Any) -> None:
        attempts.append("cdk")
        raise Refused("`cdk destroy` ended with 1; it says why above")

    class Expired:
        def get_caller_identity(self) -> None:
            message = "The security token included in the request is expired"
            raise ClientError({"Error": {"Code": "ExpiredToken", "Message": message}}, "GetCallerIdentity")

    monkeypatch.setattr(destroy, "run", cdk)
    monkeypatch.setattr(DeployedEnvironment, "named", lambda *_: deployed)
    monkeypatch.setitem(deployed._clients, "sts", Expired())
    assert account.main(["destroy", "local", "--confirm", "local"], environ) == 1
    assert attempts == ["cdk"]
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith("destroy local: refused: credentials: got expired ones, expected new ones; run it again")
