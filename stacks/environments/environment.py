"""An environment as one validated value."""

import re
from dataclasses import dataclass, field, replace

import aws_cdk as cdk
from aws_cdk.aws_logs import RetentionDays

from service.contract import S3_SCHEME
from service.settings import MODELS, Settings, WrongValue
from stacks.capacity import (
    Backfill,
    Choice,
    InvalidEnvironment,
    Limits,
    Plan,
    Prices,
    Speed,
    Task,
    Workload,
    check_lanes,
    check_memory,
    plan,
    typed,
    whole,
)
from stacks.environments.alarms import AlarmPlan, check_chat
from stacks.environments.api import ApiPlan, check_webhooks, request_limits
from stacks.environments.backfill import BackfillPlan, check_backfill, without_backfill
from stacks.environments.brake import BudgetBrake, check_brake
from stacks.environments.checks import listed, nearest
from stacks.environments.delivery import CommitPlan, ReleasePlan, Source
from stacks.environments.deployments import check_deployment
from stacks.environments.existing_network import ExistingNetwork
from stacks.environments.key_filters import check_key_filter
from stacks.environments.names import name_prefix, parameter_name
from stacks.environments.network import Egress, NetworkPlan
from stacks.environments.regions import regions
from stacks.environments.retention import LEAST_DAYS
from stacks.environments.tags import CHARACTERS, MAX_VALUE, Tag, check_tags, is_tag_text
from stacks.environments.tasks import Processor, TaskSize, Weights, chosen
from stacks.environments.traces import TracePlan
from stacks.environments.watch import WatchPlan
from stacks.environments.writers import Writer, check_writers

# SQS accepts no more.
MAX_RECEIVES = 1000
# The limits of a plan, by the names that these values have in an environment.
LIMITS = {
    "limits.spot_vcpus": "spot_vcpus",
    "limits.on_demand_vcpus": "on_demand_vcpus",
    "limits.max_audio_seconds": "settings.max_audio_seconds",
    "limits.job_deadline_seconds": "settings.job_deadline_seconds",
    "limits.lanes": "settings.lanes",
    "limits.api_min_tasks": "api.min_tasks",
    "limits.api_headroom": "api.headroom",
    "limits.on_demand_workers": "on_demand_workers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One complete deployment; the stacks of two environments differ by these values only.

    Attributes:
        name: names the environment's stacks and its SSM parameters.
        region: that it is deployed to.
        network: its addresses, or the ids of a network that exists.
        workload: that it is sized for; the limits of its fleets are derived from it.
        account: twelve digits, or None for the account of the credentials at deploy time.
        production: keeps its data when its stacks are deleted, and requires TLS and keys.
        tls: HTTPS with the account's certificate, or plain HTTP.
        settings: of the service.
        api: how it is reached, scaled and deployed.
        size: of every task; None takes the cheapest one in which the model and the settings fit, with its lanes.
        processor: of every task.
        speed: of one task; None takes the measured one of the model, or an assumption.
        spot_vcpus: how much of the account's quota of Fargate Spot its fleet may take, in vCPU; a first deploy reads the
            quota itself.
        on_demand_vcpus: likewise of the quota of Fargate on demand.
        on_demand_workers: how many batch tasks run on demand, so that they go on when Spot has no capacity; the first
            tasks of the fleet are these, the rest is Spot.
        relief: tasks on demand join the fleet while Spot endangers the deadline, and leave again.
        brake: a limit on the batch fleet in a month that costs too much; None for mails alone.
        backfill: old recordings that are transcribed beside the new ones; None for none.
        weights: the place of the model that the settings name.
        cluster: name of an existing ECS cluster that its tasks run in; empty for one of its own.
        enhanced_insights: CloudWatch's metrics of each task and container, too, which are billed by their number.
        ecs_exec: people with the permission may open a shell in a running task.
        max_receives: attempts at a recording before its message moves to the dead-letter queue.
        customer_key: encrypt data, messages, alarms, logs and API keys with a key of the account's own.
        writers: of recordings from other accounts.
        recording_days: the last day after its upload on which any version of a recording can be read.
        transcript_days: likewise of a transcript.
        access_log_days: likewise of the logs of who read them and who called the API.
        images_kept: newest images kept in the registry.
        log_retention: how long logs are kept.
        alarms: who gets them besides the account's mail address.
        watch: how often a golden call is sent, and recordings are compared with their results.
        traces: where the API and the workers send traces, if anywhere.
        commits: the pipeline of commits; None if no image is built here.
        releases: the pipeline of releases, from here to the environments after this one; None if there is none.
        released_by: the environment whose release pipeline may read images here, or bring them; empty for none.
        released_with: what runs those releases: the `source` of its plan.
        people: roles for people, assumed from roles of the account's own; without them, an administrator does it all.
        cost_centre: who pays, as a tag on everything.
        extra_tags: further tags on everything.
    """

    name: str
    region: str
    network: NetworkPlan | ExistingNetwork
    workload: Workload
    account: str | None = None
    production: bool = False
    tls: bool = True
    settings: Settings = field(default_factory=Settings)
    api: ApiPlan = field(default_factory=ApiPlan)
    size: TaskSize | None = None
    processor: Processor = Processor.X86_64
    speed: Speed | None = None
    spot_vcpus: int
    on_demand_vcpus: int
    on_demand_workers: int = 0
    relief: bool = True
    brake: BudgetBrake | None = None
    backfill: BackfillPlan | None = None
    weights: Weights = Weights.IMAGE
    cluster: str = ""
    enhanced_insights: bool = False
    ecs_exec: bool = False
    max_receives: int = 5
    customer_key: bool = False
    writers: tuple[Writer, ...] = ()
    recording_days: int = 90
    transcript_days: int = 365
    access_log_days: int = 90
    images_kept: int = 20
    log_retention: RetentionDays = RetentionDays.ONE_MONTH
    alarms: AlarmPlan = field(default_factory=AlarmPlan)
    watch: WatchPlan = field(default_factory=WatchPlan)
    traces: TracePlan = field(default_factory=TracePlan)
    commits: CommitPlan | None = None
    releases: ReleasePlan | None = None
    released_by: str = ""
    released_with: Source = Source.CONNECTION
    people: bool = True
    cost_centre: str = "call-centre"
    extra_tags: tuple[Tag, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[a-z][a-z0-9]{1,11}", self.name):
            raise InvalidEnvironment("name", self.name, "2 to 12 lower-case letters and digits, a letter first")
        typed(self, self.name)
        if self.region not in regions():
            raise self._invalid("region", f"one of {listed(regions())}{nearest(self.region, regions())}")
        if self.account is not None and not re.fullmatch(r"[0-9]{12}", self.account):
            raise self._invalid("account", "12 digits, or None for the account deployed to")
        self._check_access()
        whole(f"{self.name}.max_receives", self.max_receives, least=1, most=MAX_RECEIVES)
        for name in ("recording_days", "transcript_days", "access_log_days"):
            whole(f"{self.name}.{name}", getattr(self, name), least=LEAST_DAYS)
        whole(f"{self.name}.images_kept", self.images_kept, least=1)
        self._check_speed()
        if not is_tag_text(self.cost_centre):
            raise self._invalid("cost_centre", f"1 to {MAX_VALUE} {CHARACTERS}, as tags take them")
        check_tags(self.name, self.extra_tags, own=self._own_tags)
        self._check_model()
        check_backfill(self.name, self.backfill, self.settings, recording_days=self.recording_days)
        check_key_filter(self.name, self.settings)
        check_brake(self.name, self.brake, region=self.region)
        check_chat(self.name, self.alarms, region=self.region)
        check_writers(self.name, self.writers, account=self.account, settings=self.settings)
        try:
            self.plan  # noqa: B018 -- refuses, before any stack is made, a workload that no fleet can finish in time
            self.backfill_fleet  # noqa: B018 -- likewise, a backfill
            check_lanes(self.settings)
            settings = self.api_settings  # likewise, more callers than the disk has room for
            size = self.task_size
            check_memory(self.settings, cpu=size.cpu, memory_mib=size.memory_mib, processor=self.processor)
        except WrongValue as error:
            raise type(error)(
                f"{self.name}.{LIMITS.get(error.name, error.name)}", error.value, error.expected
            ) from None
        check_webhooks(self.name, self.api, egress=self.network.egress)
        self._check_addresses()
        self._check_cluster()
        self._check_workers()
        if self.commits or self.releases or self.released_by:
            check_deployment(self.name, api=self.api, settings=settings)

    @property
    def plan(self) -> Plan:
        """Fleet limits, scaling targets and alarm thresholds."""
        return plan(
            workload=self.workload,
            speed=self.speed
            or Speed.of(
                self.settings.model,
                cpu=self.task_size.cpu,
                processor=self.processor,
                settings=replace(self.settings, lanes=self.lanes),
            ),
            limits=Limits(
                spot_vcpus=self.spot_vcpus,
                on_demand_vcpus=self.on_demand_vcpus,
                max_audio_seconds=self.settings.max_audio_seconds,
                job_deadline_seconds=self.settings.job_deadline_seconds,
                lanes=self.lanes,
                api_min_tasks=self.api.min_tasks,
                api_headroom=self.api.headroom,
                relief=self.relief,
                on_demand_workers=self.on_demand_workers,
            ),
        )

    @property
    def choice(self) -> Choice:
        """The size that its tasks have if none is given."""
        public = self.network.egress is Egress.PUBLIC
        return chosen(self.settings, processor=self.processor, public=public, region=self.region, speed=self.speed)

    @property
    def task_size(self) -> TaskSize:
        """The size of its tasks."""
        return self.size or TaskSize(cpu=self.choice.cpu, memory_mib=self.choice.memory_mib)

    @property
    def lanes(self) -> int:
        """Recordings that a worker works on at once."""
        return self.settings.lanes if self.size else self.choice.lanes

    @property
    def backfill_fleet(self) -> Backfill | None:
        """The fleet of old recordings, on what the plan leaves of the Spot quota."""
        old = self.backfill
        if old is None:
            return None
        return old.fleet(self.workload, week=self.plan, spot_vcpus=self.spot_vcpus, lanes=self.lanes)

    @property
    def week_settings(self) -> Settings:
        """The service's settings, without the keys of a backfill, which has workers of its own."""
        return without_backfill(self.settings, self.backfill)

    @property
    def task(self) -> Task:
        """A task of the environment as it is billed."""
        size, public = self.task_size, self.network.egress is Egress.PUBLIC
        return Task(cpu=size.cpu, memory_mib=size.memory_mib, processor=self.processor, public=public)

    @property
    def api_settings(self) -> Settings:
        """Settings of the API."""
        limited = request_limits(self._priced(on_demand_share=1), speed=self.plan.speed)
        # Its firewall admits the load balancer only, which tells the callers' addresses.
        return replace(
            limited,
            host="0.0.0.0",  # noqa: S104
            proxies=1,
            batch_window_hours=self.workload.window_hours,
            # Without a name, the page's origin is known only once the load balancer is there, which comes after the buckets;
            # and a page that came without TLS could be anyone's.
            page_jobs=self.settings.page and self.settings.page_jobs and self.tls and bool(self.api.subdomain),
        )

    def worker_settings(self, *, queue_url: str, recordings_bucket: str, transcripts_bucket: str) -> Settings:
        """Settings of the workers of a queue."""
        priced = self._priced(on_demand_share=self.on_demand_share)
        return replace(
            priced, queue_url=queue_url, recordings_bucket=recordings_bucket, transcripts_bucket=transcripts_bucket
        )

    @property
    def gate_settings(self) -> Settings:
        """Settings of the task that measures an image, which runs on demand."""
        return self._priced(on_demand_share=1)

    @property
    def images_from(self) -> str:
        """The environment whose images are brought here; empty if they are built here, or brought by hand."""
        if self.releases:
            return self.releases.images_from
        return "" if self.commits else self.released_by

    @property
    def release_source(self) -> Source:
        """What runs the releases that start or arrive here."""
        return self.releases.source if self.releases else self.released_with

    @property
    def on_demand_share(self) -> float:
        """Part of the full batch fleet that runs on demand."""
        return self.on_demand_workers / self.plan.batch_max_tasks

    @property
    def target(self) -> cdk.Environment:
        """Account and region of the stacks; without an account, that of the credentials at deploy time."""
        return cdk.Environment(account=self.account, region=self.region)

    @property
    def tags(self) -> dict[str, str]:
        """Tags of every resource; once activated as cost-allocation tags, they split the bill."""
        return self._own_tags | {tag.key: tag.value for tag in self.extra_tags}

    @property
    def prefix(self) -> str:
        """How the names of its stacks begin, and of every resource that CloudFormation names after them."""
        return name_prefix(self.name)

    def stack_name(self, stack: str) -> str:
        """The name in CloudFormation of one of its stacks, such as `Api`."""
        return f"{self.prefix}-{stack}"

    def parameter(self, name: str) -> str:
        """Path of one of its SSM parameters."""
        return parameter_name(self.name, name)

    @property
    def _own_tags(self) -> dict[str, str]:
        return {"application": "whisper", "environment": self.name, "cost-centre": self.cost_centre}

    def _priced(self, *, on_demand_share: float) -> Settings:
        """The service's settings with the values of its metrics: the environment's name, and the price of a task."""
        dollars = self.task.per_hour(Prices.read(self.region), on_demand_share=on_demand_share)
        return replace(self.week_settings, lanes=self.lanes, environment=self.name, dollars_per_hour=round(dollars, 4))

    def _check_addresses(self) -> None:
        """A deployment runs old and new tasks side by side, and each needs an address."""
        old = self.backfill_fleet.tasks if self.backfill_fleet else 0
        self.network.check_room(self.name, tasks=2 * (self.plan.api_max_tasks + self.plan.batch_max_tasks) + old)

    def _check_cluster(self) -> None:
        """The owner of an existing cluster decides what it measures."""
        if self.cluster and not re.fullmatch(r"[\w-]{1,255}", self.cluster, re.ASCII):
            raise self._invalid("cluster", "the name of an ECS cluster, not its ARN; or none")
        if self.cluster and self.enhanced_insights:
            raise self._invalid("enhanced_insights", f"False, because {self.cluster} is not made here")

    def _check_workers(self) -> None:
        """Batch tasks on demand are part of the batch fleet, and share a quota with the API."""
        most = self.plan.batch_max_tasks
        if self.on_demand_workers not in range(most + 1):
            raise self._invalid("on_demand_workers", f"0 to {most}, the whole batch fleet")
        needed = (self.plan.api_max_tasks + self.on_demand_workers) * self.task_size.cpu / 1024
        if needed > self.on_demand_vcpus:
            expected = f"{needed:g} or more for {self.plan.api_max_tasks} API tasks and on_demand_workers"
            raise self._invalid("on_demand_vcpus", expected)

    def _check_model(self) -> None:
        """Beside the image, a model is a folder of any name; a model that the image or a task fetches must exist."""
        name, model = f"{self.name}.settings.model", self.settings.model
        if self.weights is not Weights.IMAGE:
            if not re.fullmatch(r"[\w.-]+", model, re.ASCII):
                raise InvalidEnvironment(name, model, f"the name of a folder, because weights is {self.weights}")
        elif model not in MODELS and "/" not in model:
            expected = f"a folder such as /models/own, {S3_SCHEME}BUCKET/PREFIX, or one of {listed(sorted(MODELS))}"
            raise InvalidEnvironment(name, model, expected + nearest(model, MODELS))

    def _check_speed(self) -> None:
        """A measured speed is valid only for the size and processor that it was measured on."""
        # A size that is not given is that of the measurement.
        cpu = self.size.cpu if self.size else self.speed and self.speed.cpu
        for name, task in (("cpu", cpu), ("processor", self.processor)):
            if self.speed is not None and (measured := getattr(self.speed, name)) != task:
                raise InvalidEnvironment(f"{self.name}.speed.{name}", measured, f"{task}, which a task has")

    def _check_access(self) -> None:
        """Production requires TLS and keys, and a certificate must be one that the listener can use."""
        for name, value, wanted in (
            ("tls", self.tls, True),
            ("api.keys", self.api.keys, True),
            ("ecs_exec", self.ecs_exec, False),
        ):
            if self.production and value is not wanted:
                raise InvalidEnvironment(f"{self.name}.{name}", value, f"{wanted} when production is True")
        certificate, region = self.api.certificate_arn, self.api.certificate_region
        name = f"{self.name}.api.certificate_arn"
        if certificate and not self.tls:
            raise InvalidEnvironment(name, certificate, "none when tls is False")
        if (issue := self.api.issue_certificate) and not self.tls:
            raise InvalidEnvironment(f"{self.name}.api.issue_certificate", issue, "False when tls is False")
        if certificate and region != self.region:
            raise InvalidEnvironment(name, certificate, f"a certificate of {self.region}, where the load balancer is")

    def _invalid(self, name: str, expected: str) -> InvalidEnvironment:
        return InvalidEnvironment(f"{self.name}.{name}", getattr(self, name), expected)
