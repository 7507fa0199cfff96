"""An environment's addresses, and how its tasks reach AWS."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stacks.capacity import InvalidEnvironment, Prices, network_per_month, typed
from stacks.environments.checks import apart, ipv4, listed

ZONES = frozenset("abcdef")
SECURITY_GROUP = r"sg-[0-9a-f]{8,17}"
# A load balancer needs a /27 in each zone, a NAT gateway less.
NARROW_MASK = 27
# Addresses in a task subnet that tasks cannot have: AWS reserves five, and a load balancer in the same subnet needs
# eight free ones; the rest is for endpoints and mount targets.
KEPT_BY_AWS, KEPT_FOR_OTHERS = 5, 16
# The services of AWS that a task without internet access needs to start and work, by construct id.
INTERFACE_ENDPOINTS: Mapping[str, str] = {
    "Images": "ecr.api",
    "ImageLayers": "ecr.dkr",
    "Logs": "logs",
    "Queues": "sqs",
    "Secrets": "secretsmanager",
}


class Egress(StrEnum):
    """How tasks reach the services of AWS; docs/environments.md compares the choices."""

    PUBLIC = "public-egress"  # a public address per task and no ingress: free
    NAT = "nat"  # private subnets behind one NAT gateway
    ENDPOINTS = "endpoints"  # private subnets without access to the internet


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPlan:
    """A network of the environment's own.

    Attributes:
        cidr: its addresses.
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
        typed(self, "network")
        own = ipv4("network.cidr", self.cidr)
        # A VPC takes /16 to /28; two subnets in each of up to four zones need at least a /24.
        if not 16 <= own.prefixlen <= 24:
            raise InvalidEnvironment("network.cidr", self.cidr, "an IPv4 network from /16 to /24")
        check_zones(self.zones)
        apart([("network.cidr", self.cidr), *(("network.clients", client) for client in self.clients)])
        check_groups(self.client_groups)

    @property
    def vpc_id(self) -> str:
        """Empty: CloudFormation gives it."""
        return ""

    @property
    def admitted(self) -> tuple[str, ...]:
        """Networks that may call the API."""
        return (self.cidr, *self.clients)

    @property
    def task_mask(self) -> int:
        """Prefix length of the task subnet in each zone: the largest beside the zone's narrow subnet."""
        narrow = 0 if self.egress is Egress.ENDPOINTS else 1 << (32 - NARROW_MASK)
        share = ipv4("network.cidr", self.cidr).num_addresses // len(self.zones) - narrow
        return 32 - (share.bit_length() - 1)

    @property
    def task_addresses(self) -> int:
        """How many tasks can have an address at the same time; a deployment runs old and new ones together."""
        taken = KEPT_BY_AWS + (0 if self.egress is Egress.PUBLIC else KEPT_FOR_OTHERS)
        return len(self.zones) * ((1 << (32 - self.task_mask)) - taken)

    def check_room(self, environment: str, *, tasks: int) -> None:
        """Refuse more tasks of an environment than have an address.

        Raises:
            InvalidEnvironment: with both numbers.
        """
        if tasks > self.task_addresses:
            expected = (
                f"a network with addresses for {tasks} tasks, twice what the workload asks for;"
                f" it has {self.task_addresses}"
            )
            raise InvalidEnvironment(f"{environment}.network.cidr", self.cidr, expected)

    def per_month(self, prices: Prices) -> Mapping[str, float]:
        """Dollars a month for each kind of egress."""
        return network_per_month(prices, endpoints=len(INTERFACE_ENDPOINTS), zones=len(self.zones))


def check_zones(zones: tuple[str, ...]) -> None:
    """Refuse anything but two to four different letters."""
    if not (2 <= len(zones) <= 4 and len(set(zones)) == len(zones) and set(zones) <= ZONES):
        raise InvalidEnvironment("network.zones", listed(zones), "two to four different letters from a to f")


def check_groups(groups: tuple[str, ...]) -> None:
    """Refuse anything but ids of security groups."""
    for group in groups:
        if not re.fullmatch(SECURITY_GROUP, group):
            raise InvalidEnvironment("network.client_groups", group, "security groups such as sg- and 17 hex digits")
