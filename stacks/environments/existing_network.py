"""A network that already exists, by the ids that its owner gives."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stacks.capacity import InvalidEnvironment, Prices, typed, whole
from stacks.environments.checks import apart, ipv4, listed
from stacks.environments.network import Egress, check_groups, check_zones

HEX = "([0-9a-f]{8}|[0-9a-f]{17})"
# A wider one is a slip: it would admit a large part of the internet.
WIDEST_CLIENT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingNetwork:
    """A network that already exists: nothing in it is made, changed or looked up at synth.

    docs/stacks/network.md lists what it must offer, and the commands that check it.

    Attributes:
        vpc_id: of the VPC, in the environment's account and region.
        cidr: its addresses.
        zones: letters of the region's zones in which it is used, two or more.
        private_subnets: of the tasks, one in each of the zones and in their order, if egress is NAT or endpoints.
        public_subnets: likewise if tasks have public addresses.
        balancer_subnets: likewise of the load balancer; empty if it shares those of the tasks.
        egress: how its tasks reach AWS.
        task_addresses: how many tasks can have an address at the same time, beside everything else in their subnets.
        clients: networks that may call the API; an address in the VPC is not enough.
        client_groups: security groups that may, in this network or one peered with it.
    """

    vpc_id: str
    cidr: str
    zones: tuple[str, ...]
    private_subnets: tuple[str, ...] = ()
    public_subnets: tuple[str, ...] = ()
    balancer_subnets: tuple[str, ...] = ()
    egress: Egress = Egress.NAT
    task_addresses: int
    clients: tuple[str, ...] = ()
    client_groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        typed(self, "network")
        if not re.fullmatch(f"vpc-{HEX}", self.vpc_id):
            raise InvalidEnvironment("network.vpc_id", self.vpc_id, "the id of a VPC: vpc- and 8 or 17 hex digits")
        ipv4("network.cidr", self.cidr)
        check_zones(self.zones)
        self._check_subnets()
        whole("network.task_addresses", self.task_addresses, least=1)
        self._check_clients()

    @property
    def task_subnets(self) -> tuple[str, ...]:
        """Subnets of the tasks, in the order of the zones."""
        return self.public_subnets if self.egress is Egress.PUBLIC else self.private_subnets

    @property
    def admitted(self) -> tuple[str, ...]:
        """Networks that may call the API: others in a shared network have no reason to."""
        return self.clients

    def check_room(self, environment: str, *, tasks: int) -> None:
        """Refuse more tasks of an environment than have an address.

        Raises:
            InvalidEnvironment: with both numbers.
        """
        if tasks > self.task_addresses:
            expected = f"{tasks} or more, twice the tasks that the workload asks for"
            raise InvalidEnvironment(f"{environment}.network.task_addresses", self.task_addresses, expected)

    def per_month(self, prices: Prices) -> Mapping[str, float]:  # noqa: ARG002 -- as for a network of one's own
        """Nothing for any kind of egress: the owner of the network pays."""
        return dict.fromkeys(Egress, 0.0)

    def _check_subnets(self) -> None:
        """The subnets that egress needs, no others, and each in one zone."""
        public = self.egress is Egress.PUBLIC
        used, unused = ("public_subnets", "private_subnets") if public else ("private_subnets", "public_subnets")
        if given := getattr(self, unused):
            expected = f"none, because tasks with {self.egress} are in {used}"
            raise InvalidEnvironment(f"network.{unused}", listed(given), expected)
        self._check_ids(used, self.task_subnets)
        if self.balancer_subnets:
            self._check_ids("balancer_subnets", self.balancer_subnets)
            zones = dict(zip(self.task_subnets, self.zones, strict=True))
            for subnet, zone in zip(self.balancer_subnets, self.zones, strict=True):
                if zones.get(subnet, zone) != zone:
                    expected = f"a subnet of zone {zone}; {used} has it in {zones[subnet]}"
                    raise InvalidEnvironment("network.balancer_subnets", subnet, expected)

    def _check_ids(self, field: str, subnets: Sequence[str]) -> None:
        if len(subnets) != len(self.zones) or len(set(subnets)) < len(subnets):
            expected = f"a different subnet for each of the zones {listed(self.zones)}, in this order"
            raise InvalidEnvironment(f"network.{field}", listed(subnets), expected)
        for subnet in subnets:
            if not re.fullmatch(f"subnet-{HEX}", subnet):
                raise InvalidEnvironment(f"network.{field}", subnet, "ids of subnets: subnet- and 8 or 17 hex digits")

    def _check_clients(self) -> None:
        for client in self.clients:
            if ipv4("network.clients", client).prefixlen < WIDEST_CLIENT:
                raise InvalidEnvironment("network.clients", client, f"a network of /{WIDEST_CLIENT} or narrower")
        apart([("network.clients", client) for client in self.clients])
        check_groups(self.client_groups)
        if not self.clients and not self.client_groups:
            expected = f"who may call the API, here or in client_groups, such as {self.cidr} for the whole VPC"
            raise InvalidEnvironment("network.clients", "", expected)
