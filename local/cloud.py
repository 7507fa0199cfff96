"""A whole cloud on one machine: the emulator, the stacks deployed to it, and the tasks of the API and the fleet."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx2
from botocore.config import Config

from local import emulator
from local.agent import Agent, running_agent
from local.arithmetic import Number
from local.deploy import ASSEMBLY, ENVIRONMENT, ROOT, Deployment, deploy, template
from local.emulator import ACCOUNT, HOST, Emulator, free_port
from local.errors import LocalError
from local.fleet import Fleet, Service
from local.metrics import Oldest, Told
from local.processes import Machine, Process, TaskDefinition
from local.scaling import AGE, ARRIVALS, RELIEF, WAITING, WORKERS, WORKING, Metric, Scaling, has_fleet
from local.template import Resolver, resources
from service.contract import READY_PATH
from service.settings import PREFIX, variable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

TICK_SECONDS = 0.1
# A task is unprotected for milliseconds between two messages; ECS is not that fast.
NOTICE_SECONDS = 1.0
# The service's exit code when it refuses a setting or a model.
REFUSED = 2

Say = Callable[[str, str], None]


@dataclass(kw_only=True)
class Cloud:
    """A running cloud. Its clock is `tick`: tasks are started, stopped and scaled there and nowhere else.

    Attributes:
        url: of the API.
        key: the API key that its callers send.
        fleet: the workers on Spot.
        relief: those on demand; None if the environment has none.
        minute_seconds: how long a minute of the scaling takes.
        say: called with each event: its kind, and a description.
        agent: beside every task.
        machine: runs the tasks.
        worker: the task definition of the workers.
        canary: that of the task that sends golden calls.
        peak: the largest number of workers on Spot that the scaling has asked for.
        observed: the metrics of the last minute.
        watchers: called at each tick.
    """

    emulator: Emulator
    deployment: Deployment
    s3: "S3Client"
    sqs: "SQSClient"
    url: str
    key: str
    api: Service[Process]
    fleet: Fleet[Process]
    relief: Fleet[Process] | None
    minute_seconds: float
    say: Say
    agent: Agent
    machine: Machine
    worker: TaskDefinition
    canary: TaskDefinition
    peak: int = 0
    observed: dict[Metric, Number] = field(default_factory=dict)
    watchers: list[Callable[[], None]] = field(default_factory=list)
    _told: Told = field(default_factory=Told)
    _oldest: Oldest = field(init=False)
    _minute: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._oldest = Oldest(self.s3, recordings=self.recordings, transcripts=self.transcripts)

    @property
    def environ(self) -> dict[str, str]:
        """The variables that direct an AWS client to this cloud."""
        return self.emulator.credentials | region_variables(self.deployment)

    @property
    def operator(self) -> dict[str, str]:
        """The variables with which an operator's `python -m service jobs` finds this cloud."""
        named = {"queue_url": self.queue, "recordings_bucket": self.recordings, "transcripts_bucket": self.transcripts}
        return self.environ | {variable(name): value for name, value in named.items()}

    @property
    def folder(self) -> Path:
        """Holds every log."""
        return self.emulator.folder

    @property
    def recordings(self) -> str:
        """The bucket that recordings are uploaded to."""
        return self.deployment.outputs["RecordingsBucket"]

    @property
    def transcripts(self) -> str:
        """The bucket that transcripts are written to."""
        return self.deployment.outputs["TranscriptsBucket"]

    @property
    def queue(self) -> str:
        """URL of the queue."""
        return self.deployment.outputs["QueueUrl"]

    @property
    def dead_letters(self) -> str:
        """URL of the queue of dead letters."""
        return self.deployment.outputs["DeadLetterQueueUrl"]

    @property
    def fleets(self) -> dict[str, Fleet[Process]]:
        """The fleets of workers, by a word for people."""
        return {"workers": self.fleet} | ({"relief": self.relief} if self.relief else {})

    @property
    def workers(self) -> list[Process]:
        """The worker processes of both fleets."""
        return [task for fleet in self.fleets.values() for task in fleet.service.tasks]

    def messages(self, queue: str = "QueueUrl") -> tuple[int, int]:
        """How many messages of a queue wait, and how many are in flight."""
        asked = self.sqs.get_queue_attributes(
            QueueUrl=self.deployment.outputs[queue],
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )["Attributes"]
        return int(asked["ApproximateNumberOfMessages"]), int(asked["ApproximateNumberOfMessagesNotVisible"])

    def jobs(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        """Run an operator's `python -m service jobs` against this cloud; its exit code, and the rows it prints.

        Raises:
            LocalError: it refuses its settings or fails.
        """
        inherited = {name: value for name, value in self.emulator.environ().items() if not name.startswith(PREFIX)}
        command = [sys.executable, "-m", "service", "jobs", *arguments, "--json"]
        with (self.folder / "jobs.log").open("w") as log:
            ended = subprocess.run(
                command,
                cwd=ROOT,
                env=inherited | self.operator,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
            )
        if ended.returncode not in (0, 1):
            raise LocalError(f"`jobs {arguments[0]}` ended with {ended.returncode}; {log.name} says why")
        return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]

    def ready(self) -> bool:
        """Whether the API accepts calls."""
        try:
            return httpx2.get(f"{self.url}{READY_PATH}", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    def deploy(self, *, image: str) -> None:
        """Give the workers another image, as a deployment does; `tick` replaces them."""
        self.deploy_worker(replace(self.worker, environ={**self.worker.environ, variable("image"): image}))

    def deploy_worker(self, definition: TaskDefinition) -> None:
        """Give the workers of both fleets another task definition; `tick` replaces them."""
        self.worker = definition
        for fleet in self.fleets.values():
            fleet.service.deploy(lambda: self.machine.start(self.worker))

    def blocked(self, name: str) -> bool:
        """Whether ECS refuses to protect one more worker of the fleet that a worker belongs to."""
        fleets = [each.service for each in self.fleets.values() if name in {task.name for task in each.service.tasks}]
        return any(service.blocked() for service in fleets)

    def tick(self) -> None:
        """Scale once a minute is over, start and stop tasks, call the watchers, and sleep for a moment.

        Raises:
            LocalError: a task refused its settings or its model.
        """
        if time.monotonic() - self._minute >= self.minute_seconds:
            self._minute = time.monotonic()
            self._scale()
        for service in (self.api, *(fleet.service for fleet in self.fleets.values())):
            for task in service.tasks:
                if task.exit_code == REFUSED:  # its replacement would refuse them, too
                    raise LocalError(f"{task.name} ended with {REFUSED}; {task.log} says why")
            service.tend()
        for watch in self.watchers:
            watch()
        time.sleep(TICK_SECONDS)

    def _scale(self) -> None:
        """Observe a minute, and apply the policies of both fleets to it."""
        waiting, working = self.messages()
        # A minute of the scaling is short, and so are the times that it looks at.
        scale = 60 / self.minute_seconds
        self.observed = {
            WAITING: waiting,
            # SQS reports messages in flight only if there are some.
            WORKING: working or None,
            # The emulator does not count events. The policies need them only while the queue's metrics are late.
            ARRIVALS: None,
            AGE: scale * self._oldest.seconds() if self.relief else None,
            **self._told.averages((worker.log for worker in self.workers), scale=scale),
        }
        for fleet in self.fleets.values():
            self.observed |= fleet.counts()
        for name, fleet in self.fleets.items():
            before = fleet.service.wanted
            if change := fleet.minute(self.observed):
                if fleet is self.fleet:
                    self.peak = max(self.peak, change.tasks)
                self.say("scaled", f"{before} → {change.tasks} {name} ({change.policy})")

    def wait(self, condition: Callable[[], bool], *, seconds: float, awaited: str) -> None:
        """Tick until a condition holds; `awaited` names it in the error message.

        Raises:
            LocalError: it does not hold within so many seconds.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise LocalError(f"{awaited}: not within {seconds:.0f} s; the logs are in {self.folder}")
            self.tick()


@contextmanager
def running_cloud(
    folder: Path,
    *,
    environment: str = ENVIRONMENT,
    port: int = 0,
    minute_seconds: float,
    say: Say,
    overrides: Mapping[str, str] | None = None,
) -> Iterator[Cloud]:
    """A cloud of its own in `folder`; at the end of the block all of its processes are ended.

    Args:
        folder: for its files.
        environment: whose stacks are deployed, and whose tasks run.
        port: of the API; 0 takes one that is free.
        minute_seconds: how long a minute of the scaling takes.
        say: called with each event: its kind, and a description.
        overrides: variables that replace the tasks' synthesized ones.

    Raises:
        LocalError: an emulator runs there already, the API's port is taken, or the deploy fails.
    """
    if emulator.find(folder):
        raise LocalError(f"an emulator runs in {folder}; `python -m local --folder {folder} stop` ends it")
    port = free_port(port)
    folder.mkdir(parents=True, exist_ok=True)
    (log := folder / "cdk.log").unlink(missing_ok=True)
    try:
        running = emulator.start(folder)
        deployment = deploy(running, environment=environment, log=log)
        say("deployed", ", ".join(deployment.outputs))
        with serving(
            running, deployment, port=port, minute_seconds=minute_seconds, say=say, overrides=overrides or {}
        ) as cloud:
            yield cloud
    finally:
        emulator.stop(folder)


@contextmanager
def serving(
    running: Emulator,
    deployment: Deployment,
    *,
    port: int,
    minute_seconds: float,
    say: Say,
    overrides: Mapping[str, str],
) -> Iterator[Cloud]:
    """The API and the fleet on a deployment; at the end of the block none of their tasks is left."""
    # ECS sets the region and the source of the credentials in every task.
    platform = running.environ() | region_variables(deployment)
    with (
        running_agent() as agent,
        Machine(folder=running.folder / "tasks", platform=platform, agent=agent, say=say) as machine,
    ):
        cloud = _assemble(
            running,
            deployment,
            machine,
            agent=agent,
            port=port,
            minute_seconds=minute_seconds,
            say=say,
            overrides=overrides,
        )
        agent.blocked = cloud.blocked
        yield cloud


def _assemble(
    running: Emulator,
    deployment: Deployment,
    machine: Machine,
    *,
    agent: Agent,
    port: int,
    minute_seconds: float,
    say: Say,
    overrides: Mapping[str, str],
) -> Cloud:
    session = boto3.Session(
        aws_access_key_id=running.credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=running.credentials["AWS_SECRET_ACCESS_KEY"],
        region_name=deployment.region,
    )
    options: dict[str, Any] = {"endpoint_url": running.url, "config": Config(proxies={})}
    parameters, vault = session.client("ssm", **options), session.client("secretsmanager", **options)

    def published(name: str) -> str:
        try:
            return str(parameters.get_parameter(Name=name)["Parameter"]["Value"])
        except parameters.exceptions.ParameterNotFound:
            raise KeyError(name) from None

    def secret(properties: Mapping[str, Any]) -> str:
        return str(vault.get_random_password(**properties["GenerateSecretString"])["RandomPassword"])

    def definition(body: Mapping[str, Any], *, verb: str = "") -> TaskDefinition:
        pseudo = {"AWS::AccountId": ACCOUNT, "AWS::Region": deployment.region, "AWS::URLSuffix": "amazonaws.com"}
        resolve = Resolver(body, pseudo=pseudo, given={"ImageDigest": code_digest()}, published=published)
        return TaskDefinition.read(body, verb=verb, resolve=resolve, secret=secret)

    batch, serving, watching = (
        template(running.folder / ASSEMBLY, stack, environment=deployment.environment)
        for stack in ("Batch", "Api", "Watch")
    )
    worker, api, canary = definition(batch), definition(serving), definition(watching, verb="canary")
    worker = replace(worker, environ={**worker.environ, **overrides})
    # A task has an address of its own; a process shares the machine's network.
    api = replace(api, environ={**api.environ, **overrides, variable("host"): HOST, variable("port"): str(port)})

    def fleet(name: str) -> Fleet[Process]:
        scaling = Scaling.read(batch, name)
        service: Service[Process] = Service(
            lambda: machine.start(worker),
            most_percent=_most_percent(batch, scaling.service),
            notice_seconds=NOTICE_SECONDS,
        )
        return Fleet(service, scaling)

    return Cloud(
        emulator=running,
        deployment=deployment,
        s3=session.client("s3", **options),
        sqs=session.client("sqs", **options),
        url=f"http://{HOST}:{port}",
        key=api.environ.get(variable("api_keys"), ""),
        api=Service(lambda: machine.start(api), wanted=1),
        fleet=fleet(WORKERS),
        relief=fleet(RELIEF) if has_fleet(batch, RELIEF) else None,
        minute_seconds=minute_seconds,
        say=say,
        agent=agent,
        machine=machine,
        worker=worker,
        canary=replace(canary, environ={**canary.environ, **overrides}),
    )


def _most_percent(body: Mapping[str, Any], service: str) -> int:
    return int(resources(body, "AWS::ECS::Service")[service]["DeploymentConfiguration"]["MaximumPercent"])


def region_variables(deployment: Deployment) -> dict[str, str]:
    """The region for AWS clients: most of them read the first name, boto3 reads the second."""
    return dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), deployment.region)


def code_digest() -> str:
    """Takes the place of the image's digest, as no image is built: the digest of the service's files."""
    files = sorted((ROOT / "service").rglob("*.py"))
    return "sha256:" + hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
