"""Each role of the service's tasks may do all that the service asks of AWS, and beyond that only a list of actions."""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from local import emulator
from local.emulator import Emulator
from service.access import Caller
from service.aws import s3
from service.aws.s3 import Bucket
from service.aws.sqs import Queue
from service.aws.vault import Secret
from service.batch import golden, jobs
from service.batch.canary import Canary
from service.batch.events import Upload, announcement
from service.batch.ports import Answer, Verdict
from service.batch.publication import Publication
from service.batch.results import ResultKeys
from service.batch.worker import Worker
from service.evaluation import gate
from service.evaluation.error_rates import word_error_rate
from service.evaluation.storage import Storage
from service.evaluation.verdict import Allowance
from service.http.batch_desk import BatchDesk
from service.http.jobs_desk import JobDesk
from service.recording import Recording
from service.settings import Settings
from service.telemetry import Meter
from service.webhooks.book import WebhookBook
from service.webhooks.courier import Courier
from service.webhooks.sender import Sender
from stacks.environments import Weights
from stacks.shared.encryption import PARAMETER
from tests.delivery import cloud as delivered
from tests.delivery.operations import noting
from tests.delivery.policies import OF_THE_LIBRARY, Need, Policies, arn, as_text, covers
from tests.delivery.recorder import Call
from tests.emulated import create_stack, session
from tests.service.batch.bench import Engine
from tests.service.batch.operating import failure, view
from tests.service.batch.test_canary import transcribed
from tests.service.cloud import Cloud, until
from tests.service.evaluation.runs import PLAIN
from tests.service.evaluation.test_gate import FakeEngine
from tests.stacks.factory import REGION, TRIAL
from tests.stacks.synthesis import Template, synthesize

pytestmark = pytest.mark.verify

# With every choice that gives a task more rights: a key of the account's own, the model in a bucket, and webhooks.
ENVIRONMENT = replace(TRIAL, name="tasks", customer_key=True, weights=Weights.S3, api=replace(TRIAL.api, webhooks=True))
STACKS: tuple[str, ...] = (
    "Recordings",
    "Network",
    "Registry",
    "Cluster",
    "Models",
    "Api",
    "Batch",
    "Monitoring",
    "Watch",
    "Delivery",
    "Gate",
)
# Stack and beginning of the logical id of each task.
TASKS = {
    "api": ("Api", "Task"),
    "worker": ("Batch", "Task"),
    "canary": ("Watch", "Canary"),
    "reconcile": ("Watch", "Reconcile"),
    "gate": ("Gate", "Measure"),
}
# The library grants it with the right to read a secret.
DESCRIBING = {"secretsmanager:DescribeSecret"}
# Likewise with the right to receive messages; the URL of the queue is a setting.
RECEIVING = {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
# A transcript is too small to be sent by parts.
BY_PARTS = {"s3:Abort*"}
# The library's own grants on a bucket with a key name all that any use of the key could take.
OF_THE_KEY = {"kms:DescribeKey", "kms:Encrypt", "kms:ReEncrypt*"}
BEYOND: Mapping[str, set[str]] = {
    "api": DESCRIBING,
    "worker": OF_THE_LIBRARY | BY_PARTS | RECEIVING,
    "canary": set(),
    "reconcile": set(),
    "gate": OF_THE_LIBRARY | BY_PARTS | OF_THE_KEY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of the service as its stack defines it: the ARN of its role, and the settings that it is started with."""

    role: str
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """The tasks, and the permissions that the calls of each of them took."""

    tasks: Mapping[str, Task]
    used: Mapping[str, set[Need]]
    policies: Policies


class Answered(Bucket):
    """The recordings bucket, in which each golden call meets with its end at once."""

    def __init__(self, cloud: Cloud, *, text: str) -> None:
        super().__init__(cloud.recordings)
        self._cloud, self._text = cloud, text

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Put it, and publish its transcript, or, without a text, its failure."""
        super().put(key, body, content_type=content_type)
        (entry,) = self._cloud.s3.list_object_versions(Bucket=self._cloud.recordings, Prefix=key)["Versions"]
        upload = Upload(bucket=self._cloud.recordings, key=key, version_id=entry["VersionId"])
        if self._text:
            transcribed(self._cloud, upload, self._text)
        else:
            self._cloud.put(ResultKeys(upload).failure, failure(upload))


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """In place of the agent of ECS, which asks ECS with the role of the task."""

    calls: list[Call]
    task: str

    def protect(self, *, minutes: int) -> Answer:
        """Note what the agent would ask for."""
        del minutes
        self.calls.append(Call(key="", service="ecs", action="UpdateTaskProtection", values={"tasks": [self.task]}))
        return Answer(verdict=Verdict.GRANTED)


def second(_: object, *, name: str = "") -> Recording:
    """Any recording, as a second of silence."""
    del name
    return Recording(samples=np.zeros((1, 16_000), np.int16), missing_seconds=0.0, gaps=())


def serve(task: Task, cloud: Cloud, folder: Path) -> None:
    """The API: its model, its keys, jobs of an upload and of a key, a webhook, and the state of the batch."""
    s3.download(task.settings.model, folder)
    Secret(task.settings.api_keys_secret).read()
    webhooks, transcripts = Queue(task.settings.webhook_queue_url), Bucket(task.settings.transcripts_bucket)
    book = WebhookBook(documents=transcripts, queue=webhooks)
    desk = JobDesk(
        recordings=Bucket(task.settings.recordings_bucket),
        transcripts=transcripts,
        settings=task.settings,
        webhooks=book,
    )
    courier = Courier(
        queue=webhooks,
        jobs=desk,
        book=book,
        sender=Sender(find=lambda _, __: ()),
        read_secret=Secret(task.settings.webhook_secret).read,
        meter=Meter(environment="test", service="api", stream=StringIO()),
    )
    body, caller = b"sound", Caller(name="a")
    digest = hashlib.sha256(body).digest()
    taken = desk.take_upload(caller=caller, sha256=digest, size=len(body), webhook="https://hooks.example.com/")
    identity = taken.facts["id"]
    uploaded = cloud.upload(f"{task.settings.job_folder}{identity}", body, announce=False)
    transcribed(cloud, uploaded, "Hello.")
    assert desk.look(identity, caller=caller).state == "partial"
    # An attempt that fails, and a message that a webhook does not need any more.
    waiting = webhooks.receive(wait_seconds=1)
    assert waiting
    courier.handle(waiting)
    assert desk.look(identity, caller=caller).facts["webhook"]["attempts"] == 1
    webhooks.delete(waiting)
    desk.remove(identity, caller=caller)
    other = cloud.upload("other.wav", body, announce=False)
    cloud.put(ResultKeys(other).failure, failure(other))
    assert desk.take_key(caller=caller, key="other.wav").state == "failed"
    batch = BatchDesk(queue=Queue(task.settings.queue_url), transcripts=transcripts, settings=task.settings)
    assert batch.look(caller)["failed"]


def work(task: Task, cloud: Cloud, folder: Path, agent: Agent) -> None:
    """A worker: its model, a message that it returns, and two recordings, one that the event names by its tag only."""
    s3.download(task.settings.model, folder)
    cloud.upload("first.wav", b"first")
    older = cloud.upload("second.wav", b"older", announce=False)
    cloud.upload("second.wav", b"newer", announce=False)
    cloud.send(announcement(replace(older, version_id="")))
    queue, settings = Queue(task.settings.queue_url), replace(task.settings, lanes=1)
    message = queue.receive(wait_seconds=1)
    assert message
    queue.hide(message, seconds=0)
    worker = Worker(
        queue=queue,
        publication=Publication(
            engine=Engine(),
            decode=second,
            recordings=Bucket(settings.recordings_bucket),
            transcripts=Bucket(settings.transcripts_bucket),
            meter=Meter(environment="test", service="worker", stream=StringIO()),
            settings=settings,
        ),
        agent=agent,
        settings=settings,
    )
    stopping = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stopping,))
    thread.start()
    try:
        until(lambda: not cloud.left())
    finally:
        stopping.set()
        thread.join()
    assert cloud.document(ResultKeys(replace(older, version_id="")).transcript)


def sing(task: Task, cloud: Cloud) -> None:
    """Golden calls: one that comes back, one that is refused, one that is late."""
    call = golden.choose(task.settings)
    for store in (
        Answered(cloud, text=call.words),
        Answered(cloud, text=""),
        Bucket(cloud.recordings),
    ):
        Canary(
            call=call,
            recordings=store,
            transcripts=Bucket(task.settings.transcripts_bucket),
            queue=Queue(task.settings.queue_url),
            judge=partial(word_error_rate, call.words, language=call.language),
            settings=task.settings,
            within_seconds=0.1,
            poll_seconds=0.05,
        ).run()


def reconcile(cloud: Cloud) -> None:
    """The comparison of recordings with results, in which some have one and some have none."""
    meter = Meter(environment="test", service="reconcile", stream=StringIO())
    options = {"action": "reconcile", "show": (), "names": False, "announce": False, "as_json": True}
    jobs.run(view(cloud), **options, meter=meter)  # type: ignore[arg-type]


def measure(task: Task, folder: Path, outputs: Mapping[str, str]) -> None:
    """A first release's measurement."""
    s3.download(task.settings.model, folder)
    reports = outputs["Reports"]
    request = gate.Request(
        manifest=outputs["Manifest"],
        against=f"{reports}/latest.json",
        first_release=True,
        report=f"{reports}/new.json",
        allowance=Allowance(error=0.01, slowdown=0.0),
    )
    engine = FakeEngine(texts=deque([["One, two three."]]))
    gate.run(request, load=lambda: engine, decode=second, storage=Storage(locate=s3.locate), settings=Settings())


def at_work(account: delivered.Cloud, started: Emulator, folder: Path) -> Worked:
    """Every task at work once, each with its calls noted."""
    tasks = {name: defined(account, *place) for name, place in TASKS.items()}
    settings = tasks["worker"].settings
    cloud = Cloud(
        emulator=started,
        s3=account.client("s3"),
        sqs=account.client("sqs"),
        queue=settings.queue_url,
        dead_letters="",
        recordings=settings.recordings_bucket,
        transcripts=settings.transcripts_bucket,
    )
    bucket, _, model = settings.model.removeprefix("s3://").partition("/")
    cloud.s3.put_object(Bucket=bucket, Key=f"{model}/model.bin", Body=b"weights")
    described = account.client("cloudformation").describe_stacks(StackName=ENVIRONMENT.stack_name("Gate"))["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described[0]["Outputs"]}
    bucket, _, manifest = outputs["Manifest"].removeprefix("s3://").partition("/")
    cloud.s3.put_object(Bucket=bucket, Key=manifest, Body=json.dumps(PLAIN).encode())
    cloud.s3.put_object(Bucket=bucket, Key=manifest.replace("manifest.json", "a.wav"), Body=b"sound")
    # The emulator's CloudFormation generates secrets of other characters than it is asked for.
    signing = {"SecretId": tasks["api"].settings.webhook_secret, "SecretString": "A" * 40}
    account.client("secretsmanager").put_secret_value(**signing)
    cluster = resource(account, "Cluster", "AWS::ECS::Cluster")
    calls: dict[str, list[Call]] = {}

    def noted(name: str, do: Callable[[], None]) -> None:
        with noting(session(started, region=REGION)) as calls[name]:
            do()

    noted("api", lambda: serve(tasks["api"], cloud, folder))
    noted("canary", lambda: sing(tasks["canary"], cloud))
    noted("reconcile", lambda: reconcile(cloud))
    noted("gate", lambda: measure(tasks["gate"], folder, outputs))
    agent = Agent(calls=[], task=arn("ecs", f"task/{cluster.rpartition('/')[2]}/an-id"))
    noted("worker", lambda: work(tasks["worker"], cloud, folder, agent))
    calls["worker"] += agent.calls
    policies = Policies(account)
    used = {name: {need for call in made for need in policies.needs(call)} for name, made in calls.items()}
    return Worked(tasks=tasks, used=used, policies=policies)


def defined(account: delivered.Cloud, stack: str, beginning: str) -> Task:
    """The task of a stack whose logical id begins like this."""
    definition = resource(account, stack, "AWS::ECS::TaskDefinition", beginning)
    task = account.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
    environ = {pair["name"]: pair["value"] for pair in task["containerDefinitions"][0]["environment"]}
    return Task(role=task["taskRoleArn"], settings=Settings.from_environ(environ))


def resource(account: delivered.Cloud, stack: str, kind: str, beginning: str = "") -> str:
    """The name or ARN of the one resource of a stack of this type whose logical id begins like this."""
    described = account.client("cloudformation").describe_stack_resources(StackName=ENVIRONMENT.stack_name(stack))
    (found,) = [
        each["PhysicalResourceId"]
        for each in described["StackResources"]
        if each["ResourceType"] == kind and each["LogicalResourceId"].startswith(beginning)
    ]
    return str(found)


def encrypt(account: delivered.Cloud, stack: str, template: Template) -> None:
    """Encrypt the buckets of a stack as its template says, which the emulator's CloudFormation leaves out."""
    for name, bucket in template.body["Resources"].items():
        if bucket["Type"] == "AWS::S3::Bucket" and "aws:kms" in json.dumps(bucket["Properties"]["BucketEncryption"]):
            key = account.client("ssm").get_parameter(Name=ENVIRONMENT.parameter(PARAMETER))["Parameter"]["Value"]
            by = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
            account.client("s3").put_bucket_encryption(
                Bucket=resource(account, stack, bucket["Type"], name),
                ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by}]},
            )


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worked]:
    """Every task at work once, with the settings of its stack."""
    folder = tmp_path_factory.mktemp("tasks")
    templates = synthesize([ENVIRONMENT], folder / "cdk.out")
    started = emulator.start(folder)
    try:
        clients = session(started, region=REGION)
        own = {**started.environ(), "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        account = delivered.Cloud(folder=folder, environ=own, session=clients)
        for name in STACKS:
            stack = ENVIRONMENT.stack_name(name)
            create_stack(clients, started.url, name=stack, template=templates[f"tasks/{name}"].body)
            encrypt(account, name, templates[f"tasks/{name}"])
        with pytest.MonkeyPatch.context() as patched:
            for key, value in own.items():
                patched.setenv(key, value)
            yield at_work(account, started, folder)
    finally:
        emulator.stop(folder)


def test_each_task_may_do_what_the_service_asks_for_and_beyond_that_only_what_a_list_names(worked: Worked) -> None:
    """A permission that is missing fails here and not at the first recording; one too many has no reason in the list."""
    lacking: set[tuple[str, Need]] = set()
    surplus = {}
    for name, task in worked.tasks.items():
        used = worked.used[name]
        assert used
        lacking |= {(name, need) for need in used if not worked.policies.allows(task.role, need)}
        actions = worked.policies.actions(task.role)
        unused = {action for action in actions if not any(covers(action, need.action) for need in used)}
        if unused != BEYOND[name]:
            surplus[name] = sorted(unused ^ BEYOND[name])
    assert not lacking, as_text(lacking)
    assert not surplus, json.dumps(surplus, indent=1)


def test_recording_sees_the_tasks(worked: Worked) -> None:
    """The test above would pass if nothing were recorded or everything allowed."""
    done = {name: {need.action for need in used} for name, used in worked.used.items()}
    assert {"s3:GetObjectVersion", "sqs:ChangeMessageVisibility", "ecs:UpdateTaskProtection", "kms:Decrypt"} <= done[
        "worker"
    ]
    assert {"secretsmanager:GetSecretValue", "s3:PutObject", "s3:DeleteObjectVersion"} <= done["api"]
    assert "s3:GetObject" not in done["reconcile"]
    settings = worked.tasks["worker"].settings
    recording = f"arn:aws:s3:::{settings.recordings_bucket}/call.wav"
    transcript = f"arn:aws:s3:::{settings.transcripts_bucket}/transcripts/call.wav/a.json"
    refused = {
        "api": Need("s3:GetObject", recording),
        "worker": Need("s3:DeleteObject", transcript),
        "canary": Need("s3:GetObject", transcript),
        "reconcile": Need("s3:GetObject", transcript),
        "gate": Need("s3:GetObject", recording),
    }
    assert not [name for name, need in refused.items() if worked.policies.allows(worked.tasks[name].role, need)]
