import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from mypy_boto3_s3 import S3Client
from mypy_boto3_sqs import SQSClient

from local import emulator
from local.__main__ import main
from local.deploy import ASSEMBLY, _cdk, deploy, template
from local.emulator import Emulator
from local.errors import LocalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The emulator's folder, the stacks' outputs, and clients of the emulator they were deployed to."""

    folder: Path
    outputs: Mapping[str, str]
    session: boto3.Session
    s3: S3Client
    sqs: SQSClient

    def receive(self, queue: str, *, wait_seconds: int = 5) -> Mapping[str, Any] | None:
        """The event in the queue's next message, which is back at once; None where none comes."""
        answer = self.sqs.receive_message(
            QueueUrl=self.outputs[queue], VisibilityTimeout=0, WaitTimeSeconds=wait_seconds
        )
        event: Mapping[str, Any]
        for message in answer.get("Messages", []):
            event = json.loads(message["Body"])
            return event
        return None


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The local environment, bootstrapped and deployed by the real CDK."""
    folder = tmp_path_factory.mktemp("cloud")
    try:
        running = emulator.start(folder)
        deployment = deploy(running)
        session = boto3.Session(
            aws_access_key_id=running.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=running.credentials["AWS_SECRET_ACCESS_KEY"],
            region_name=deployment.region,
        )
        yield Cloud(
            folder=folder,
            outputs=deployment.outputs,
            session=session,
            s3=session.client("s3", endpoint_url=running.url),
            sqs=session.client("sqs", endpoint_url=running.url),
        )
    finally:
        emulator.stop(folder)


@pytest.fixture
def empty_queue(cloud: Cloud) -> None:
    """A test begins without what earlier ones left."""
    cloud.sqs.purge_queue(QueueUrl=cloud.outputs["QueueUrl"])


@pytest.mark.usefixtures("empty_queue")
def test_uploaded_recording_is_announced_on_the_queue(cloud: Cloud) -> None:
    """A recording that arrives becomes one message that names its bucket and its unescaped key."""
    bucket, key = cloud.outputs["RecordingsBucket"], "2026-01-31/agent 7+8, für später.wav"
    cloud.s3.put_object(Bucket=bucket, Key=key, Body=b"RIFF")
    event = cloud.receive("QueueUrl")
    assert event is not None
    assert event["detail-type"] == "Object Created"
    assert event["detail"]["bucket"]["name"] == bucket
    assert event["detail"]["object"]["key"] == key
    assert event["detail"]["object"]["size"] == 4


@pytest.mark.usefixtures("empty_queue")
def test_recording_waits_in_dead_letters_after_its_last_receive(cloud: Cloud) -> None:
    """A recording that fails as often as it may is kept aside with its event, and no longer offered."""
    attributes = cloud.sqs.get_queue_attributes(QueueUrl=cloud.outputs["QueueUrl"], AttributeNames=["RedrivePolicy"])
    receives = json.loads(attributes["Attributes"]["RedrivePolicy"])["maxReceiveCount"]
    cloud.s3.put_object(Bucket=cloud.outputs["RecordingsBucket"], Key="poison.wav", Body=b"RIFF")
    offered = [cloud.receive("QueueUrl") for _ in range(receives)]
    assert all(event is not None for event in offered)
    assert cloud.receive("QueueUrl", wait_seconds=1) is None
    assert cloud.receive("DeadLetterQueueUrl") == offered[0]


@pytest.mark.usefixtures("empty_queue")
def test_saved_transcript_is_not_announced(cloud: Cloud) -> None:
    """The worker's own result does not come back to it as work."""
    cloud.s3.put_object(Bucket=cloud.outputs["TranscriptsBucket"], Key="call.json", Body=b"{}")
    assert cloud.receive("QueueUrl", wait_seconds=1) is None


def test_registry_waits_for_the_first_image(cloud: Cloud) -> None:
    """The repository stands before any image exists, at the address its stack gives out."""
    uri = cloud.outputs["RepositoryUri"]
    registry = cloud.session.client("ecr", endpoint_url=cloud.s3.meta.endpoint_url)
    (repository,) = registry.describe_repositories(repositoryNames=[uri.partition("/")[2]])["repositories"]
    assert repository["repositoryUri"] == uri


def test_deploy_into_missing_emulator_is_one_line(tmp_path: Path) -> None:
    """A deploy does not begin where nothing answers."""
    with pytest.raises(LocalError) as refused:
        deploy(Emulator(folder=tmp_path, pid=0, port=1))
    assert str(refused.value) == "no emulator answers at http://127.0.0.1:1; `python -m local start` starts one"


def test_deploy_command_without_emulator_is_one_line(tmp_path: Path) -> None:
    """The command line names the folder in which it looked."""
    with pytest.raises(SystemExit) as ended:
        main(["--folder", str(tmp_path), "deploy"])
    assert ended.value.code == f"local: no emulator runs in {tmp_path}; `python -m local start` starts one"


def test_cdk_step_that_fails_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The CDK's own words stay on the terminal; ours say which step it was."""
    with pytest.raises(LocalError, match="`cdk bootstrap` ended with 1; it says why above"):
        _cdk("bootstrap", "nowhere", environ={"CDK_HOME": str(tmp_path)})
    assert "nowhere" in capfd.readouterr().err


def test_cdk_step_that_fails_in_silence_names_its_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where the CDK's own words go to a file, the one line says which."""
    log = tmp_path / "cdk.log"
    with pytest.raises(LocalError) as refused:
        _cdk("bootstrap", "nowhere", environ={"CDK_HOME": str(tmp_path)}, log=log)
    assert str(refused.value) == f"`cdk bootstrap` ended with 1; {log} says why"
    assert "nowhere" in log.read_text()
    assert not capfd.readouterr().err


def test_template_of_a_stack_is_found_by_its_name(cloud: Cloud) -> None:
    """Also of stacks that were not deployed; one that does not exist is named."""
    assembly = cloud.folder / ASSEMBLY
    kinds = {resource["Type"] for resource in template(assembly, "Batch")["Resources"].values()}
    assert "AWS::ECS::TaskDefinition" in kinds
    with pytest.raises(LocalError) as refused:
        template(assembly, "Bat")
    assert str(refused.value) == f"stack: got no 'local/Bat', expected one of those in {assembly}"
