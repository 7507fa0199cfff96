"""The environments: what differs between dev, stage, prod and local, as validated values.

A new environment is one more value in `environments()`; docs/environments.md shows how.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Network
from itertools import combinations

import aws_cdk as cdk
from aws_cdk.aws_logs import RetentionDays
from aws_cdk.region_info import RegionInfo

from service.settings import Settings

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
    """Addresses of an environment: its own network, its two or more zones, and who else may call."""

    cidr: str
    zones: tuple[str, ...]
    egress: Egress = Egress.NAT
    clients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        own = _ipv4("network.cidr", self.cidr)
        # A VPC takes /16 to /28; two subnets in each of up to four zones need at least a /24.
        if not 16 <= own.prefixlen <= 24:
            raise InvalidEnvironment("network.cidr", self.cidr, "an IPv4 network from /16 to /24")
        if len(set(self.zones)) < max(2, len(self.zones)):
            raise InvalidEnvironment("network.zones", ", ".join(self.zones), "two or more different zones")
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
    """One deployment of everything. `production` keeps data when its stacks are deleted and insists on TLS."""

    name: str
    region: str
    network: NetworkPlan
    account: str | None = None
    production: bool = False
    tls: bool = True
    settings: Settings = field(default_factory=Settings)
    api_size: TaskSize = field(default_factory=lambda: TaskSize(cpu=2048, memory_mib=4096))
    worker_size: TaskSize = field(default_factory=lambda: TaskSize(cpu=2048, memory_mib=4096))
    api_min_tasks: int = 1
    max_receives: int = 5
    recording_days: int = 90
    transcript_days: int = 365
    log_retention: RetentionDays = RetentionDays.ONE_MONTH
    images_kept: int = 20
    branch: str = "main"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{1,11}", self.name):
            raise InvalidEnvironment("name", self.name, "2 to 12 lower-case letters and digits, a letter first")
        if self.region not in _regions():
            raise self._invalid("region", self.region, f"one of {_listed(_regions())}")
        for zone in self.network.zones:
            if not re.fullmatch(rf"{self.region}[a-f]", zone):
                raise self._invalid("network.zones", zone, f"a zone of the region, such as {self.region}a")
        if self.account is not None and not re.fullmatch(r"\d{12}", self.account):
            raise self._invalid("account", self.account, "12 digits, or None for the account deployed to")
        if self.production and not self.tls:
            raise self._invalid("tls", self.tls, "True where production is True")
        for name, least in (
            ("api_min_tasks", 0),
            ("max_receives", 1),
            ("images_kept", 1),
            ("recording_days", 1),
            ("transcript_days", 1),
        ):
            if getattr(self, name) < least:
                raise self._invalid(name, getattr(self, name), f"a whole number, {least} or more")

    @property
    def target(self) -> cdk.Environment:
        """Where the stacks go. Without an account, CloudFormation uses that of the credentials at deploy time."""
        return cdk.Environment(account=self.account, region=self.region)

    def parameter(self, name: str) -> str:
        """Name of the SSM parameter that holds what only the account knows."""
        return f"/whisper/{self.name}/{name}"

    def _invalid(self, name: str, value: object, expected: str) -> InvalidEnvironment:
        return InvalidEnvironment(f"{self.name}.{name}", value, expected)


def environments() -> tuple[Environment, ...]:
    """Every environment. A function, so that a wrong value is reported by the program that asks."""
    zones = ("eu-west-1a", "eu-west-1b")
    return (
        Environment(
            name="dev",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.0.0/20", zones=zones, egress=Egress.PUBLIC),
            tls=False,
            recording_days=7,
            transcript_days=30,
            log_retention=RetentionDays.ONE_WEEK,
        ),
        Environment(
            name="stage",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.16.0/20", zones=zones),
            recording_days=30,
            transcript_days=90,
        ),
        Environment(
            name="prod",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.32.0/20", zones=zones),
            production=True,
            api_min_tasks=2,
            log_retention=RetentionDays.ONE_YEAR,
        ),
        Environment(
            name="local",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.48.0/20", zones=zones, egress=Egress.PUBLIC),
            tls=False,
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
