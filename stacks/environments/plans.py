"""The parts of an environment: typed choices and validated values."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from ipaddress import IPv4Network
from itertools import combinations
from zoneinfo import available_timezones

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
CERTIFICATE = r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+"
SECURITY_GROUP = r"sg-[0-9a-f]{8,17}"


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


class Weights(StrEnum):
    """Where tasks find the model; docs/models.md compares them."""

    IMAGE = "image"  # in the service's image, under the name or folder that the settings give
    S3 = "s3"  # in a bucket of the environment, copied by each task as it starts
    EFS = "efs"  # on a file system of the environment, read where it is


# A load balancer needs a /27 in each zone, a NAT gateway less.
NARROW_MASK = 27
# Addresses that a subnet of tasks does not have for them: AWS keeps five, and a load balancer beside the tasks asks
# for eight free ones; the rest is for endpoints and mount targets.
KEPT_BY_AWS, KEPT_FOR_OTHERS = 5, 16


# What a task without another way out needs to start and work: a name in the stack for each service of AWS.
INTERFACE_ENDPOINTS: Mapping[str, str] = {
    "Images": "ecr.api",
    "ImageLayers": "ecr.dkr",
    "Logs": "logs",
    "Queues": "sqs",
    "Secrets": "secretsmanager",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """Addresses of an environment.

    Attributes:
        cidr: its own network.
        zones: letters of the region's zones that it spans, two or more.
        egress: how its tasks reach AWS.
        clients: other networks that may call the API, such as the office's.
        client_groups: security groups that may, in this network or one peered with it.
    """

    cidr: str
    zones: tuple[str, ...] = ("a", "b")
    egress: Egress = Egress.NAT
    clients: tuple[str, ...] = ()
    client_groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        own = ipv4("network.cidr", self.cidr)
        chosen("network.egress", self.egress, Egress)
        # A VPC takes /16 to /28; two subnets in each of up to four zones need at least a /24.
        if not 16 <= own.prefixlen <= 24:
            raise InvalidEnvironment("network.cidr", self.cidr, "an IPv4 network from /16 to /24")
        if not (2 <= len(self.zones) <= 4 and len(set(self.zones)) == len(self.zones) and set(self.zones) <= ZONES):
            raise InvalidEnvironment("network.zones", listed(self.zones), "two to four different letters from a to f")
        apart([("network.cidr", self.cidr), *(("network.clients", client) for client in self.clients)])
        for group in self.client_groups:
            if not re.fullmatch(SECURITY_GROUP, group):
                raise InvalidEnvironment(
                    "network.client_groups", group, "security groups such as sg- and 17 hex digits"
                )

    @property
    def task_mask(self) -> int:
        """Prefix length of the subnet of tasks in each zone: what the narrow subnets beside it leave."""
        narrow = 0 if self.egress is Egress.ENDPOINTS else 1 << (32 - NARROW_MASK)
        share = ipv4("network.cidr", self.cidr).num_addresses // len(self.zones) - narrow
        return 32 - (share.bit_length() - 1)

    @property
    def task_addresses(self) -> int:
        """How many tasks find an address, old and new ones of a deploy together."""
        taken = KEPT_BY_AWS + (0 if self.egress is Egress.PUBLIC else KEPT_FOR_OTHERS)
        return len(self.zones) * ((1 << (32 - self.task_mask)) - taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSize:
    """CPU units (1024 = one vCPU) and memory of a task, in a combination that Fargate offers."""

    cpu: int
    memory_mib: int

    def __post_init__(self) -> None:
        if self.cpu not in FARGATE_MEMORY_MIB:
            raise InvalidEnvironment("size.cpu", self.cpu, f"one of {listed(FARGATE_MEMORY_MIB)}")
        offered = FARGATE_MEMORY_MIB[self.cpu]
        if self.memory_mib not in offered:
            expected = f"one of {listed(offered)} MiB, which Fargate offers with {self.cpu} CPU units"
            raise InvalidEnvironment("size.memory_mib", self.memory_mib, expected)


class Processor(StrEnum):
    """What tasks run on; the image is built for it."""

    X86_64 = "X86_64"
    ARM64 = "ARM64"  # Graviton: a fifth cheaper


class Routing(StrEnum):
    """How the load balancer chooses the task that answers."""

    LEAST_OUTSTANDING = "least-outstanding-requests"  # the one with the fewest requests: right where they take minutes
    WEIGHTED_RANDOM = "weighted-random"  # any, and fewer to one that answers with errors: anomaly mitigation
    ROUND_ROBIN = "round-robin"  # one after the other: the only one that lets a new task start slowly


class Strategy(StrEnum):
    """How a new version replaces the old one."""

    ROLLING = "rolling"  # task by task
    BLUE_GREEN = "blue-green"  # all at once, beside the old ones, which stay for a while


# What ECS takes: a day.
MAX_BAKE_MINUTES = 1440
# More would put the CPU target below a tenth.
MAX_HEADROOM = 9

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeHours:
    """When an API runs: from `start` to `end` on some days of the week.

    >>> OfficeHours(time_zone="Europe/Paris", start=time(7, 30), end=time(19)).share
    0.34226190476190477
    """

    time_zone: str
    start: time
    end: time
    days: tuple[str, ...] = DAYS[:5]

    def __post_init__(self) -> None:
        if self.time_zone not in available_timezones():
            raise InvalidEnvironment("api.hours.time_zone", self.time_zone, "a time zone such as Europe/Paris")
        if not self.days or len(set(self.days)) < len(self.days) or not set(self.days) <= set(DAYS):
            raise InvalidEnvironment("api.hours.days", listed(self.days), f"different days from {listed(DAYS)}")
        if not self.start < self.end:
            raise InvalidEnvironment("api.hours.end", self.end, f"later than {self.start}, the start, on the same day")

    @property
    def share(self) -> float:
        """Part of a week that they make."""
        minutes = [60 * at.hour + at.minute for at in (self.start, self.end)]
        return len(self.days) * (minutes[1] - minutes[0]) / (7 * 24 * 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPlan:
    """How the API is reached, scaled and deployed.

    Attributes:
        min_tasks: tasks that run without load.
        headroom: spare capacity over the busiest hour, as a share of it.
        hours: when it runs; without them, always.
        keys: callers show one of the keys in the environment's secret.
        certificate_arn: of its name, from ACM; empty where an SSM parameter of the account has it.
        subdomain: its name within the account's hosted zone; empty for the name that AWS gives.
        routing: how the load balancer chooses a task.
        slow_start_seconds: time over which a new task gets its full share of requests; 0 gives it at once.
        strategy: how a deploy replaces tasks.
        bake_minutes: how long old tasks stay after a blue/green deploy, to go back to at once.
    """

    min_tasks: int = 1
    headroom: float = 0.25
    hours: OfficeHours | None = None
    keys: bool = True
    certificate_arn: str = ""
    subdomain: str = ""
    routing: Routing = Routing.LEAST_OUTSTANDING
    slow_start_seconds: int = 0
    strategy: Strategy = Strategy.ROLLING
    bake_minutes: int = 10

    def __post_init__(self) -> None:
        # A request cannot wake an API without tasks: nothing would be there to count it.
        whole("api.min_tasks", self.min_tasks, least=1)
        whole("api.bake_minutes", self.bake_minutes, least=0, most=MAX_BAKE_MINUTES)
        if not 0 <= self.headroom <= MAX_HEADROOM:
            raise InvalidEnvironment("api.headroom", self.headroom, f"a share from 0 to {MAX_HEADROOM}")
        chosen("api.routing", self.routing, Routing)
        chosen("api.strategy", self.strategy, Strategy)
        if self.slow_start_seconds not in (0, *range(30, 901)):
            raise InvalidEnvironment("api.slow_start_seconds", self.slow_start_seconds, "30 to 900, or 0 for none")
        if self.slow_start_seconds and self.routing is not Routing.ROUND_ROBIN:
            expected = f"0, because {self.routing} routing has no slow start; {Routing.ROUND_ROBIN} has"
            raise InvalidEnvironment("api.slow_start_seconds", self.slow_start_seconds, expected)
        label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
        if self.subdomain and not re.fullmatch(rf"{label}(\.{label})*", self.subdomain):
            raise InvalidEnvironment("api.subdomain", self.subdomain, "a name such as speech, without its zone")
        if self.certificate_arn and not re.fullmatch(CERTIFICATE, self.certificate_arn):
            raise InvalidEnvironment("api.certificate_arn", self.certificate_arn, "the ARN of an ACM certificate")

    @property
    def certificate_region(self) -> str:
        """Where the certificate is; empty without one."""
        return self.certificate_arn.split(":")[3] if self.certificate_arn else ""

    @property
    def average_tasks(self) -> float:
        """Tasks that run without load, on average over the week."""
        return self.min_tasks * (self.hours.share if self.hours else 1.0)


class Source(StrEnum):
    """Where the source is kept that pipelines build and deploy."""

    CONNECTION = "connection"  # GitHub, GitLab or Bitbucket, through the account's connection to it
    CODECOMMIT = "codecommit"  # CodeCommit, in the pipeline's own account


BRANCH = r"\w[\w./-]{0,249}"
# CodePipeline and EventBridge agree on `*` only. At most eight patterns fit into a trigger.
TAG, MAX_TAGS = r"[\w.*-][\w./*-]{0,126}", 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPlan:
    """A pipeline that takes each commit on a branch to the environment, and builds the image that releases are made of.

    Attributes:
        source: where the source is kept.
        branch: what the pipeline follows.
        locked_model: build with the model that is in the lock, and refuse to build without; a release takes the image
            as it is, so that without the lock nobody knows which weights it has.
    """

    source: Source = Source.CONNECTION
    branch: str = "main"
    locked_model: bool = True

    def __post_init__(self) -> None:
        _check_branch("commits.branch", self.branch)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePlan:
    """A pipeline that takes the image of a tagged commit to the environment, and on to others.

    Attributes:
        images_from: the environment that built it.
        onward: the environments after this one, in this order, once a person approved.
        source: where the source is kept.
        branch: the branch that tags are set on.
        tags: what a release is called; `*` stands for anything.
        gate: measure the image on golden recordings, and stop the release of one that is worse than the last.
    """

    images_from: str
    onward: tuple[str, ...] = ()
    source: Source = Source.CONNECTION
    branch: str = "main"
    tags: tuple[str, ...] = ("v*",)
    gate: bool = True

    def __post_init__(self) -> None:
        _check_branch("releases.branch", self.branch)
        if not 1 <= len(self.tags) <= MAX_TAGS:
            raise InvalidEnvironment("releases.tags", listed(self.tags), f"one to {MAX_TAGS} patterns")
        for tag in self.tags:
            if not re.fullmatch(TAG, tag, re.ASCII):
                raise InvalidEnvironment("releases.tags", tag, "a pattern such as v* of letters, digits, . _ - / and *")
        if len({self.images_from, *self.onward}) <= len(self.onward):
            raise InvalidEnvironment("releases.onward", listed(self.onward), f"different names, {self.images_from} not")


def _check_branch(name: str, branch: str) -> None:
    if not re.fullmatch(BRANCH, branch, re.ASCII):
        raise InvalidEnvironment(name, branch, "a branch such as main, of letters, digits, . _ - and /")


def ipv4(name: str, cidr: str) -> IPv4Network:
    """The addresses of a field's value."""
    try:
        return IPv4Network(cidr)
    except ValueError:
        raise InvalidEnvironment(name, cidr, "an IPv4 network such as 10.64.0.0/20") from None


def apart(networks: Sequence[tuple[str, str]]) -> None:
    """Refuse the second of two fields whose addresses overlap."""
    for (first, a), (second, b) in combinations(networks, 2):
        if ipv4(first, a).overlaps(ipv4(second, b)):
            raise InvalidEnvironment(second, b, f"addresses apart from {first} {a}")


def listed(values: Iterable[object]) -> str:
    """Values as a line of text names them."""
    return ", ".join(map(str, values))


def chosen(name: str, value: object, kind: type[StrEnum]) -> None:
    """Refuse what is none of a choice's members: its mere text would compare equal here and be overlooked there."""
    if not isinstance(value, kind):
        members = listed(f"{kind.__name__}.{member.name}" for member in kind)
        raise InvalidEnvironment(name, value, f"one of {members}")


def whole(name: str, value: int, *, least: int, most: int | None = None) -> None:
    """Refuse what is no whole number within limits."""
    if not isinstance(value, int) or value < least or (most is not None and value > most):
        expected = f"{least} or more" if most is None else f"from {least} to {most}"
        raise InvalidEnvironment(name, value, f"a whole number, {expected}")
