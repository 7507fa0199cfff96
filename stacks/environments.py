"""The environments: what differs between dev, stage, prod and local, as validated values.

A new environment is one more value in `environments()`; docs/environments.md shows how.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Network
from itertools import combinations

import aws_cdk as cdk
from aws_cdk.aws_logs import RetentionDays
from aws_cdk.region_info import RegionInfo

from service.settings import MAX_DRAIN_SECONDS, Settings
from stacks.capacity import Limits, Plan, Speed, Workload, plan
from stacks.costs import Prices, Task

# Memory that Fargate offers for each CPU size, in MiB.
FARGATE_MEMORY_MIB: dict[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16_384 + 1, 1024),
    4096: range(8192, 30_720 + 1, 1024),
    8192: range(16_384, 61_440 + 1, 4096),
    16_384: range(32_768, 122_880 + 1, 8192),
}

ZONES = frozenset("abcdef")


class InvalidEnvironment(ValueError):
    """A value of an environment that does not fit: names the field, the value and what was expected."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        self.name, self.value, self.expected = name, value, expected
        super().__init__(f"{name}: got {str(value)!r}, expected {expected}")


class Egress(StrEnum):
    """How tasks reach the services of AWS; docs/environments.md compares them."""

    PUBLIC = "public-egress"  # a public address per task and no ingress: free
    NAT = "nat"  # private subnets behind one NAT gateway
    ENDPOINTS = "endpoints"  # private subnets without any way to the internet


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """Addresses of an environment.

    Attributes:
        cidr: its own network.
        zones: letters of the region's zones that it spans, two or more.
        egress: how its tasks reach AWS.
        clients: other networks that may call the API, such as the office's.
    """

    cidr: str
    zones: tuple[str, ...] = ("a", "b")
    egress: Egress = Egress.NAT
    clients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        own = _ipv4("network.cidr", self.cidr)
        # A VPC takes /16 to /28; two subnets in each of up to four zones need at least a /24.
        if not 16 <= own.prefixlen <= 24:
            raise InvalidEnvironment("network.cidr", self.cidr, "an IPv4 network from /16 to /24")
        if not (2 <= len(self.zones) <= 4 and len(set(self.zones)) == len(self.zones) and set(self.zones) <= ZONES):
            raise InvalidEnvironment("network.zones", _listed(self.zones), "two to four different letters from a to f")
        _apart([("network.cidr", self.cidr), *(("network.clients", client) for client in self.clients)])


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSize:
    """CPU units (1024 = one vCPU) and memory of a task, in a combination that Fargate offers."""

    cpu: int
    memory_mib: int

    def __post_init__(self) -> None:
        if self.cpu not in FARGATE_MEMORY_MIB:
            raise InvalidEnvironment("size.cpu", self.cpu, f"one of {_listed(FARGATE_MEMORY_MIB)}")
        offered = FARGATE_MEMORY_MIB[self.cpu]
        if self.memory_mib not in offered:
            expected = f"one of {_listed(offered)} MiB, which Fargate offers with {self.cpu} CPU units"
            raise InvalidEnvironment("size.memory_mib", self.memory_mib, expected)


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
        size: of every task.
        speed: of one task; assumed until it is measured.
        spot_vcpus: the account's quota of Fargate Spot, in vCPU.
        on_demand_vcpus: its quota of Fargate on demand, in vCPU.
        api_min_tasks: API tasks that run without load.
        max_receives: attempts at a recording before it waits in the dead-letter queue.
        recording_days: how long recordings are kept.
        transcript_days: how long transcripts are kept.
        images_kept: newest images kept in the registry.
        log_retention: how long logs are kept.
        branch: what the delivery pipeline follows.
    """

    name: str
    region: str
    network: NetworkPlan
    workload: Workload
    account: str | None = None
    production: bool = False
    tls: bool = True
    settings: Settings = field(default_factory=Settings)
    size: TaskSize
    speed: Speed | None = None
    spot_vcpus: int
    on_demand_vcpus: int
    api_min_tasks: int = 1
    max_receives: int = 5
    recording_days: int = 90
    transcript_days: int = 365
    images_kept: int = 20
    log_retention: RetentionDays = RetentionDays.ONE_MONTH
    branch: str = "main"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{1,11}", self.name):
            raise InvalidEnvironment("name", self.name, "2 to 12 lower-case letters and digits, a letter first")
        if self.region not in _regions():
            raise self._invalid("region", f"one of {_listed(_regions())}")
        if self.account is not None and not re.fullmatch(r"\d{12}", self.account):
            raise self._invalid("account", "12 digits, or None for the account deployed to")
        if self.production and not self.tls:
            raise self._invalid("tls", "True where production is True")
        for name in ("max_receives", "recording_days", "transcript_days", "images_kept"):
            if getattr(self, name) < 1:
                raise self._invalid(name, "a whole number, 1 or more")
        if self.speed is not None and self.speed.cpu != self.size.cpu:
            raise InvalidEnvironment(f"{self.name}.speed.cpu", self.speed.cpu, f"{self.size.cpu}, which a task has")
        try:
            self.plan  # noqa: B018 -- a workload that no fleet masters is refused here, not when a stack asks
        except ValueError as error:
            raise type(error)(f"{self.name}.{error}") from None

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
                api_min_tasks=self.api_min_tasks,
            ),
        )

    @property
    def api_settings(self) -> Settings:
        """Settings of the API: it refuses what it could not answer before the load balancer gives up."""
        deadline = min(self.settings.job_deadline_seconds, MAX_DRAIN_SECONDS)
        answerable = int(deadline * self.plan.speed.audio_seconds_per_second)
        return replace(
            self._priced(spot=False),
            host="0.0.0.0",  # noqa: S104 -- inside the container, whose firewall lets in the load balancer only
            job_deadline_seconds=deadline,
            max_audio_seconds=min(self.settings.max_audio_seconds, answerable),
        )

    def worker_settings(self, *, queue_url: str, transcripts_bucket: str) -> Settings:
        """Settings of the workers of a queue."""
        return replace(self._priced(spot=True), queue_url=queue_url, transcripts_bucket=transcripts_bucket)

    @property
    def target(self) -> cdk.Environment:
        """Where the stacks go. Without an account, CloudFormation uses that of the credentials at deploy time."""
        return cdk.Environment(account=self.account, region=self.region)

    def parameter(self, name: str) -> str:
        """Name of the SSM parameter that holds what only the account knows."""
        return f"/whisper/{self.name}/{name}"

    def _priced(self, *, spot: bool) -> Settings:
        """The service's settings with what its metrics need: where it runs, and what a task costs there."""
        public = self.network.egress is Egress.PUBLIC
        task = Task(cpu=self.size.cpu, memory_mib=self.size.memory_mib, public=public)
        dollars = round(task.per_hour(Prices.read(), spot=spot), 4)
        return replace(self.settings, environment=self.name, dollars_per_hour=dollars)

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
            size=small,
            spot_vcpus=64,
            on_demand_vcpus=8,
            recording_days=7,
            transcript_days=30,
            log_retention=RetentionDays.ONE_WEEK,
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
            api_min_tasks=2,
            log_retention=RetentionDays.ONE_YEAR,
        ),
        Environment(
            name="local",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.48.0/20", egress=Egress.PUBLIC),
            workload=team,
            tls=False,
            settings=Settings(max_audio_seconds=1800),
            size=small,
            spot_vcpus=64,
            on_demand_vcpus=8,
            log_retention=RetentionDays.ONE_DAY,
        ),
    )


def select(name: str | None, known: Iterable[Environment] | None = None) -> tuple[Environment, ...]:
    """The environment called `name`; without a name every one but `local`, which is the emulator's.

    Raises:
        InvalidEnvironment: no such name, or two environments share a name or addresses.
    """
    known = tuple(environments() if known is None else known)
    by_name = {environment.name: environment for environment in known}
    if len(by_name) < len(known):
        raise InvalidEnvironment("name", ", ".join(e.name for e in known), "a different name for each environment")
    # Environments are peered with the same office networks, so their addresses must not collide.
    _apart([(f"{e.name}.network.cidr", e.network.cidr) for e in known])
    if name is None:
        return tuple(environment for environment in known if environment.name != "local")
    if name not in by_name:
        raise InvalidEnvironment("environment", name, f"one of {_listed(by_name)}")
    return (by_name[name],)


@cache
def _regions() -> tuple[str, ...]:
    return tuple(sorted(region.name for region in RegionInfo.regions))


def _ipv4(name: str, cidr: str) -> IPv4Network:
    try:
        return IPv4Network(cidr)
    except ValueError:
        raise InvalidEnvironment(name, cidr, "an IPv4 network such as 10.64.0.0/20") from None


def _apart(networks: Sequence[tuple[str, str]]) -> None:
    for (first, a), (second, b) in combinations(networks, 2):
        if _ipv4(first, a).overlaps(_ipv4(second, b)):
            raise InvalidEnvironment(second, b, f"addresses apart from {first} {a}")


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
