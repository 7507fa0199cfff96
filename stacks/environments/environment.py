"""The environments: what differs between dev, stage, prod and local, as validated values.

A new environment is one more value in `environments()`; docs/environments.md shows how.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import time
from functools import cache

import aws_cdk as cdk
from aws_cdk.aws_logs import RetentionDays
from aws_cdk.region_info import RegionInfo

from service.settings import MAX_DRAIN_SECONDS, Settings
from stacks.capacity import Limits, Plan, Prices, Speed, Task, Workload, check_lanes, largest_upload, plan
from stacks.environments.plans import (
    ApiPlan,
    CommitPlan,
    Egress,
    InvalidEnvironment,
    NetworkPlan,
    OfficeHours,
    Processor,
    ReleasePlan,
    TaskSize,
    Weights,
    apart,
    chosen,
    listed,
    whole,
)
from stacks.environments.regions import WITHOUT_BUILDS

# What SQS takes.
MAX_RECEIVES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One deployment of everything: the stacks of two environments differ by these values only.

    Attributes:
        name: names the environment's stacks and its SSM parameters.
        region: where it is deployed.
        network: its addresses.
        workload: what it is sized for; derives how far its fleets may grow.
        account: twelve digits, or None for the account of the credentials at deploy time.
        production: keeps its data when its stacks are deleted, and insists on TLS.
        tls: HTTPS with the account's certificate, or plain HTTP.
        settings: of the service.
        api: how it is reached, scaled and deployed.
        size: of every task.
        processor: of every task.
        speed: of one task; assumed until it is measured.
        spot_vcpus: the account's quota of Fargate Spot, in vCPU.
        on_demand_vcpus: its quota of Fargate on demand, in vCPU.
        on_demand_workers: the first batch tasks, which run on demand and go on when Spot has no capacity; the rest is Spot.
        weights: where tasks find the model that the settings name.
        ecs_exec: people with the permission may open a shell in a running task.
        max_receives: attempts at a recording before it waits in the dead-letter queue.
        recording_days: how long recordings are kept.
        transcript_days: how long transcripts are kept.
        access_log_days: how long it is known who read them, and who called the API.
        images_kept: newest images kept in the registry.
        log_retention: how long logs are kept.
        commits: how commits come here; None where no image is built.
        releases: how releases come here, and where they go on to; None where the pipeline does not stand here.
        released_by: the environment whose release pipeline may read images here, or bring them; empty for nobody.
        cost_centre: who pays, as a tag on everything.
    """

    name: str
    region: str
    network: NetworkPlan
    workload: Workload
    account: str | None = None
    production: bool = False
    tls: bool = True
    settings: Settings = field(default_factory=Settings)
    api: ApiPlan = field(default_factory=ApiPlan)
    size: TaskSize
    processor: Processor = Processor.X86_64
    speed: Speed | None = None
    spot_vcpus: int
    on_demand_vcpus: int
    on_demand_workers: int = 0
    weights: Weights = Weights.IMAGE
    ecs_exec: bool = False
    max_receives: int = 5
    recording_days: int = 90
    transcript_days: int = 365
    access_log_days: int = 90
    images_kept: int = 20
    log_retention: RetentionDays = RetentionDays.ONE_MONTH
    commits: CommitPlan | None = None
    releases: ReleasePlan | None = None
    released_by: str = ""
    cost_centre: str = "call-centre"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{1,11}", self.name):
            raise InvalidEnvironment("name", self.name, "2 to 12 lower-case letters and digits, a letter first")
        if self.region not in _regions():
            raise self._invalid("region", f"one of {listed(_regions())}")
        if self.account is not None and not re.fullmatch(r"[0-9]{12}", self.account):
            raise self._invalid("account", "12 digits, or None for the account deployed to")
        self._check_access()
        whole(f"{self.name}.max_receives", self.max_receives, least=1, most=MAX_RECEIVES)
        for name in ("recording_days", "transcript_days", "access_log_days", "images_kept"):
            whole(f"{self.name}.{name}", getattr(self, name), least=1)
        chosen(f"{self.name}.processor", self.processor, Processor)
        chosen(f"{self.name}.weights", self.weights, Weights)
        self._check_speed()
        if not re.fullmatch(r"[\w.:/=+@-][\w .:/=+@-]{0,254}", self.cost_centre, re.ASCII):
            raise self._invalid(
                "cost_centre", "1 to 255 letters, digits, spaces and _ . : / = + - @, as tags take them"
            )
        if self.weights is not Weights.IMAGE and not re.fullmatch(r"[\w.-]+", self.settings.model, re.ASCII):
            expected = f"the name of a folder, because weights is {self.weights}"
            raise InvalidEnvironment(f"{self.name}.settings.model", self.settings.model, expected)
        try:
            self.plan  # noqa: B018 -- a workload that no fleet masters is refused here, not when a stack asks
            check_lanes(self.settings)
            self.api_settings  # noqa: B018 -- as above: more callers than a disk has room for
        except ValueError as error:
            raise type(error)(f"{self.name}.{error}") from None
        self._check_addresses()
        self._check_workers()

    @property
    def plan(self) -> Plan:
        """Fleet limits, scaling targets and alarm thresholds."""
        return plan(
            workload=self.workload,
            speed=self.speed or Speed.assumed(cpu=self.size.cpu),
            limits=Limits(
                spot_vcpus=self.spot_vcpus,
                on_demand_vcpus=self.on_demand_vcpus,
                max_audio_seconds=self.settings.max_audio_seconds,
                job_deadline_seconds=self.settings.job_deadline_seconds,
                api_min_tasks=self.api.min_tasks,
                api_headroom=self.api.headroom,
            ),
        )

    @property
    def api_settings(self) -> Settings:
        """Settings of the API: it refuses what it could not answer before the load balancer gives up, or not store."""
        deadline = min(self.settings.job_deadline_seconds, MAX_DRAIN_SECONDS)
        answerable = int(deadline * self.plan.speed.audio_seconds_per_second)
        longest = min(self.settings.max_audio_seconds, answerable)
        return replace(
            self._priced(on_demand_share=1),
            host="0.0.0.0",  # noqa: S104 -- inside the container, whose firewall lets in the load balancer only
            job_deadline_seconds=deadline,
            max_audio_seconds=longest,
            max_upload_bytes=largest_upload(replace(self.settings, max_audio_seconds=longest)),
        )

    def worker_settings(self, *, queue_url: str, recordings_bucket: str, transcripts_bucket: str) -> Settings:
        """Settings of the workers of a queue."""
        priced = self._priced(on_demand_share=self.on_demand_share)
        return replace(
            priced, queue_url=queue_url, recordings_bucket=recordings_bucket, transcripts_bucket=transcripts_bucket
        )

    @property
    def gate_settings(self) -> Settings:
        """Settings of the task that measures an image: those of a recording, on demand."""
        return self._priced(on_demand_share=1)

    @property
    def images_from(self) -> str:
        """The environment whose images are brought here; empty where they are built here, or brought by hand."""
        if self.releases:
            return self.releases.images_from
        return "" if self.commits else self.released_by

    @property
    def on_demand_share(self) -> float:
        """Part of the full batch fleet that runs on demand."""
        return self.on_demand_workers / self.plan.batch_max_tasks

    @property
    def target(self) -> cdk.Environment:
        """Where the stacks go. Without an account, CloudFormation uses that of the credentials at deploy time."""
        return cdk.Environment(account=self.account, region=self.region)

    @property
    def tags(self) -> dict[str, str]:
        """What everything is tagged with; activated as cost-allocation tags, the bill is split by them."""
        return {"application": "whisper", "environment": self.name, "cost-centre": self.cost_centre}

    @property
    def prefix(self) -> str:
        """How the names of its stacks, and of all that CloudFormation names in them, begin."""
        return f"whisper-{self.name}"

    def stack_name(self, stack: str) -> str:
        """The name in CloudFormation of one of its stacks, such as `Api`."""
        return f"{self.prefix}-{stack}"

    def parameter(self, name: str) -> str:
        """Name of the SSM parameter that holds what only the account knows."""
        return f"/whisper/{self.name}/{name}"

    def _priced(self, *, on_demand_share: float) -> Settings:
        """The service's settings with what its metrics need: where it runs, and what a task costs there."""
        public = self.network.egress is Egress.PUBLIC
        task = Task(cpu=self.size.cpu, memory_mib=self.size.memory_mib, processor=self.processor, public=public)
        spot, on_demand = (task.per_hour(Prices.read(), spot=spot) for spot in (True, False))
        dollars = spot + on_demand_share * (on_demand - spot)
        return replace(self.settings, environment=self.name, dollars_per_hour=round(dollars, 4))

    def _check_addresses(self) -> None:
        """A deploy runs old and new tasks side by side, and each needs an address."""
        tasks, room = 2 * (self.plan.api_max_tasks + self.plan.batch_max_tasks), self.network.task_addresses
        if tasks > room:
            expected = f"a network with addresses for {tasks} tasks, twice what the workload asks for; it has {room}"
            raise InvalidEnvironment(f"{self.name}.network.cidr", self.network.cidr, expected)

    def _check_workers(self) -> None:
        """Batch tasks on demand are part of the fleet, and share a quota with the API."""
        most = self.plan.batch_max_tasks
        if self.on_demand_workers not in range(most + 1):
            raise self._invalid("on_demand_workers", f"0 to {most}, the whole batch fleet")
        needed = (self.plan.api_max_tasks + self.on_demand_workers) * self.size.cpu / 1024
        if needed > self.on_demand_vcpus:
            expected = f"{needed:g} or more for {self.plan.api_max_tasks} API tasks and on_demand_workers"
            raise self._invalid("on_demand_vcpus", expected)

    def _check_speed(self) -> None:
        """A measurement counts for the task that it was made on."""
        for name, task in (("cpu", self.size.cpu), ("processor", self.processor)):
            if self.speed is not None and (measured := getattr(self.speed, name)) != task:
                raise InvalidEnvironment(f"{self.name}.speed.{name}", measured, f"{task}, which a task has")

    def _check_access(self) -> None:
        """Production is reached over TLS and with a key only, and the certificate is one that its listener can use."""
        for name, value, wanted in (
            ("tls", self.tls, True),
            ("api.keys", self.api.keys, True),
            ("ecs_exec", self.ecs_exec, False),
        ):
            if self.production and value is not wanted:
                raise InvalidEnvironment(f"{self.name}.{name}", value, f"{wanted} where production is True")
        certificate, region = self.api.certificate_arn, self.api.certificate_region
        name = f"{self.name}.api.certificate_arn"
        if certificate and not self.tls:
            raise InvalidEnvironment(name, certificate, "none where tls is False")
        if certificate and region != self.region:
            raise InvalidEnvironment(name, certificate, f"a certificate of {self.region}, where the load balancer is")

    def _invalid(self, name: str, expected: str) -> InvalidEnvironment:
        return InvalidEnvironment(f"{self.name}.{name}", getattr(self, name), expected)


def environments() -> tuple[Environment, ...]:
    """Every environment. A function, so that a wrong value is reported by the program that asks."""
    team = Workload(agents=5, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=1, window_hours=12)
    small = TaskSize(cpu=2048, memory_mib=4096)
    return (
        Environment(
            name="dev",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.0.0/20", egress=Egress.PUBLIC),
            workload=team,
            tls=False,
            settings=Settings(model="small", max_audio_seconds=1800),
            api=ApiPlan(hours=OfficeHours(time_zone="Europe/Paris", start=time(7), end=time(20))),
            size=small,
            spot_vcpus=64,
            on_demand_vcpus=8,
            recording_days=7,
            transcript_days=30,
            log_retention=RetentionDays.ONE_WEEK,
            commits=CommitPlan(),
            released_by="stage",
        ),
        Environment(
            name="stage",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.16.0/20"),
            workload=team,
            settings=Settings(model="small", job_deadline_seconds=5400),
            size=TaskSize(cpu=4096, memory_mib=8192),
            spot_vcpus=64,
            on_demand_vcpus=16,
            recording_days=30,
            transcript_days=90,
            releases=ReleasePlan(images_from="dev", onward=("prod",)),
        ),
        Environment(
            name="prod",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.32.0/20"),
            workload=Workload(
                agents=100,
                calls_per_agent_per_day=40,
                talk_minutes_per_call=6,
                days_per_batch=5,
                window_hours=60,
                api_audio_hours_in_busy_hour=4,
            ),
            production=True,
            settings=Settings(model="small", job_deadline_seconds=5400),
            size=TaskSize(cpu=4096, memory_mib=8192),
            spot_vcpus=512,
            on_demand_vcpus=64,
            api=ApiPlan(min_tasks=2),
            log_retention=RetentionDays.ONE_YEAR,
            released_by="stage",
        ),
        Environment(
            name="local",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.48.0/20", egress=Egress.PUBLIC),
            # A fleet of three fits one machine, and a killed worker's message is back after a minute.
            workload=replace(team, agents=2),
            tls=False,
            settings=Settings(max_audio_seconds=600, job_deadline_seconds=1200),
            size=small,
            spot_vcpus=64,
            on_demand_vcpus=8,
            log_retention=RetentionDays.ONE_DAY,
            # The emulator's model is the demo's, which comes with the source.
            commits=CommitPlan(locked_model=False),
        ),
    )


def select(name: str | None, known: Iterable[Environment] | None = None) -> tuple[Environment, ...]:
    """The environment called `name`; without a name every one but `local`, which is the emulator's.

    Raises:
        InvalidEnvironment: no such name, two environments share a name or addresses, or a release finds no way.
    """
    known = tuple(environments() if known is None else known)
    by_name = {environment.name: environment for environment in known}
    if len(by_name) < len(known):
        raise InvalidEnvironment("name", ", ".join(e.name for e in known), "a different name for each environment")
    # Environments are peered with the same office networks, so their addresses must not collide.
    apart([(f"{e.name}.network.cidr", e.network.cidr) for e in known])
    for environment in known:
        _check_release(environment, by_name)
    if name is None:
        return tuple(environment for environment in known if environment.name != "local")
    if name not in by_name:
        raise InvalidEnvironment("environment", name, f"one of {listed(by_name)}")
    return (by_name[name],)


def _check_release(environment: Environment, known: Mapping[str, Environment]) -> None:
    """A release names environments that admit it, and its one image is right for each of them."""
    releases = environment.releases
    if not releases:
        return
    for name in (releases.images_from, *releases.onward):
        others = [other for other in known if other != environment.name]
        if name not in others:
            raise InvalidEnvironment(f"{environment.name}.releases", name, f"one of {listed(others)}")
        if (by := known[name].released_by) != environment.name:
            raise InvalidEnvironment(f"{name}.released_by", by, f"{environment.name}, whose releases name {name}")
    builder = known[releases.images_from]
    if not builder.commits:
        raise InvalidEnvironment(f"{builder.name}.commits", None, f"a plan, since {environment.name} takes its images")
    for other in (environment, *(known[name] for name in releases.onward)):
        if other.processor != builder.processor:
            expected = f"{builder.processor}, for which {builder.name} builds the image"
            raise InvalidEnvironment(f"{other.name}.processor", other.processor, expected)
        if other.weights is Weights.IMAGE and other.settings.model != builder.settings.model:
            expected = f"{builder.settings.model}, which is in the image of {builder.name}"
            raise InvalidEnvironment(f"{other.name}.settings.model", other.settings.model, expected)


@cache
def _regions() -> tuple[str, ...]:
    return tuple(sorted({region.name for region in RegionInfo.regions} - WITHOUT_BUILDS))
