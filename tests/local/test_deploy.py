import json
import re
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
from local.cloud import serving
from local.deploy import ASSEMBLY, Deployment, _cdk, deploy, template
from local.emulator import Emulator, free_port
from local.errors import LocalError
from tests.emulated import session
from tests.local.leftovers import left_behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """An emulator, the deployment to it, and its clients."""

    emulator: Emulator
    deployment: Deployment
    session: boto3.Session
    s3: S3Client
    sqs: SQSClient

    @property
    def outputs(self) -> Mapping[str, str]:
        """The stacks' outputs by name."""
        return self.deployment.outputs

    def receive(self, queue: str, *, wait_seconds: int = 5) -> Mapping[str, Any] | None:
        """The event in the queue's next message, which stays visible; None if none arrives."""
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
        clients = session(running, region=deployment.region)
        yield Cloud(
            emulator=running,
            deployment=deployment,
            session=clients,
            s3=clients.client("s3", endpoint_url=running.url),
            sqs=clients.client("sqs", endpoint_url=running.url),
        )
    finally:
        emulator.stop(folder)


@pytest.fixture
def empty_queue(cloud: Cloud) -> None:
    """No message of an earlier test is left."""
    cloud.sqs.purge_queue(QueueUrl=cloud.outputs["QueueUrl"])


@pytest.mark.usefixtures("empty_queue")
def test_uploaded_recording_is_announced_on_the_queue(cloud: Cloud) -> None:
    """An uploaded recording becomes one message with its bucket and its unescaped key."""
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
    """A message that was received too often moves to the dead letters, and is not received again."""
    attributes = cloud.sqs.get_queue_attributes(QueueUrl=cloud.outputs["QueueUrl"], AttributeNames=["RedrivePolicy"])
    receives = json.loads(attributes["Attributes"]["RedrivePolicy"])["maxReceiveCount"]
    cloud.s3.put_object(Bucket=cloud.outputs["RecordingsBucket"], Key="poison.wav", Body=b"RIFF")
    offered = [cloud.receive("QueueUrl") for _ in range(receives)]
    assert all(event is not None for event in offered)
    assert cloud.receive("QueueUrl", wait_seconds=1) is None
    assert cloud.receive("DeadLetterQueueUrl") == offered[0]


@pytest.mark.usefixtures("empty_queue")
def test_saved_transcript_is_not_announced(cloud: Cloud) -> None:
    """A result of the workers never becomes a message."""
    cloud.s3.put_object(Bucket=cloud.outputs["TranscriptsBucket"], Key="call.json", Body=b"{}")
    assert cloud.receive("QueueUrl", wait_seconds=1) is None


def test_registry_waits_for_the_first_image(cloud: Cloud) -> None:
    """The repository exists before any image, under the address in its stack's output."""
    uri = cloud.outputs["RepositoryUri"]
    registry = cloud.session.client("ecr", endpoint_url=cloud.s3.meta.endpoint_url)
    (repository,) = registry.describe_repositories(repositoryNames=[uri.partition("/")[2]])["repositories"]
    assert repository["repositoryUri"] == uri


def test_deploy_into_missing_emulator_is_one_line(tmp_path: Path) -> None:
    """A deploy does not begin if no emulator answers."""
    with pytest.raises(LocalError) as refused:
        deploy(Emulator(folder=tmp_path, pid=0, port=1))
    assert str(refused.value) == "no emulator answers at http://127.0.0.1:1; `python -m local start` starts one"


def test_deploy_command_without_emulator_is_one_line(tmp_path: Path) -> None:
    """The command names the folder in which it looked."""
    with pytest.raises(SystemExit) as ended:
        main(["--folder", str(tmp_path), "deploy"])
    assert ended.value.code == f"local: no emulator runs in {tmp_path}; `python -m local start` starts one"


def test_cdk_step_that_fails_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The CDK's output stays on the terminal; the error names the failed command."""
    with pytest.raises(LocalError, match="`cdk bootstrap` ended with 1; it says why above"):
        _cdk("bootstrap", "nowhere", environ={"CDK_HOME": str(tmp_path)})
    assert "nowhere" in capfd.readouterr().err


def test_cdk_step_that_fails_with_a_log_names_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """If the CDK's output goes to a file, the error names the file."""
    log = tmp_path / "cdk.log"
    with pytest.raises(LocalError) as refused:
        _cdk("bootstrap", "nowhere", environ={"CDK_HOME": str(tmp_path)}, log=log)
    assert str(refused.value) == f"`cdk bootstrap` ended with 1; {log} says why"
    assert "nowhere" in log.read_text()
    assert not capfd.readouterr().err


def test_template_of_a_stack_is_found_by_its_name(cloud: Cloud) -> None:
    """Also if the stack was not deployed; an unknown name is refused."""
    assembly = cloud.emulator.folder / ASSEMBLY
    kinds = {resource["Type"] for resource in template(assembly, "Batch")["Resources"].values()}
    assert "AWS::ECS::TaskDefinition" in kinds
    with pytest.raises(LocalError) as refused:
        template(assembly, "Bat")
    assert str(refused.value) == f"stack: got no 'local/Bat', expected one of those in {assembly}"


def test_task_that_refuses_its_settings_ends_the_cloud(cloud: Cloud) -> None:
    """Its replacement would refuse them, too: the error names the task's log, and no task is left."""

    def run() -> None:
        with serving(
            cloud.emulator,
            cloud.deployment,
            port=free_port(0),
            minute_seconds=60,
            say=lambda *_: None,
            overrides={"WHISPER_THREADS": "many"},
        ) as serving_cloud:
            serving_cloud.fleet.service.wanted = 1
            serving_cloud.wait(lambda: False, seconds=60, awaited="the end")

    with pytest.raises(LocalError) as ended:
        run()
    tasks = cloud.emulator.folder / "tasks"
    found = re.match(r"((?:api|worker)-\d) ended with 2; .*\1\.log says why", str(ended.value))
    assert found
    assert "WHISPER_THREADS: got 'many'" in (tasks / f"{found[1]}.log").read_text()
    assert not left_behind(tasks)
