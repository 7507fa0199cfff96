"""Prices of AWS, and the one formula of each: a task's hour, an audio hour, a network's and an idle month.

Plain values in, US dollars out; docs/capacity.md lists the costs that are left out.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from stacks.capacity.checks import InvalidEnvironment, read_table, zero_or_more
from stacks.capacity.speed import Speed

HOURS_PER_MONTH = 730
# The same in every region: $5 for the list of rules of AWS WAF, $1 for each of its two rules.
WEB_ACL_PER_MONTH = 7.0
FILE = Path(__file__).with_name("prices.toml")
# The table of the file that holds no region's prices, but those of other places.
QUOTES = "quotes"
# The names in a region's table `usage`.
USAGE = (
    *("storage_gb_month", "log_gb", "alarm_metric_month", "custom_metric_month"),
    *("thousand_puts", "thousand_gets", "million_messages"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Dollars an hour in one region on one date; vCPU and GB by processor.

    `usage` has dollars by the name of what is used.
    """

    dated: str
    region: str
    load_balancer_hour: float
    nat_gateway_hour: float
    interface_endpoint_hour: float
    public_address_hour: float
    spot_discount: float
    vcpu_hour: Mapping[str, float]
    gb_hour: Mapping[str, float]
    usage: Mapping[str, float]
    source: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is float:
                _check_price(f"prices.{field.name}", value)
            elif field.type is not str:
                for name, price in value.items():
                    _check_price(f"prices.{field.name}.{name}", price)
        if self.spot_discount >= 1:
            expected = "a share from 0, below 1, such as 0.68; not percent"
            raise InvalidEnvironment("prices.spot_discount", self.spot_discount, expected)
        for name, found, wanted in (
            ("gb_hour", self.gb_hour, tuple(self.vcpu_hour)),
            ("usage", self.usage, USAGE),
        ):
            if set(found) != set(wanted):
                raise InvalidEnvironment(f"prices.{name}", ", ".join(found), f"these: {', '.join(wanted)}")

    @classmethod
    def read(cls, region: str = "", *, text: str | None = None) -> Self:
        """A region's prices, or the first region's if it has none, as `region` of the result then tells.

        Args:
            region: empty for the first one.
            text: in place of that of prices.toml.

        Raises:
            InvalidEnvironment: the region's table lacks a price, has an unknown one, or a wrong value.
        """
        tables = tomllib.loads(FILE.read_text() if text is None else text)
        regions = {name: table for name, table in tables.items() if name != QUOTES}
        name = region if region in regions else next(iter(regions))
        return read_table(cls, "prices", {"region": name, **regions[name]})

    def told(self, region: str) -> str:
        """The region of these prices, as someone reads it who wants those of `region`."""
        return self.region if region == self.region else f"{self.region}, not {region}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A Fargate task as it is billed: CPU units (1024 is one vCPU), MiB of memory, processor, public address."""

    cpu: int
    memory_mib: int
    processor: str = "X86_64"
    public: bool = False

    def per_hour(self, prices: Prices, *, on_demand_share: float) -> float:
        """Dollars for an hour of its life.

        Args:
            prices: of the region.
            on_demand_share: 1 for a task on demand, 0 for one on Spot; between them, the average of a mixed fleet.

        Raises:
            InvalidEnvironment: the processor has no price.
        """
        if self.processor not in prices.vcpu_hour:
            raise InvalidEnvironment("task.processor", self.processor, f"one of {', '.join(prices.vcpu_hour)}")
        cpu = self.cpu / 1024 * prices.vcpu_hour[self.processor]
        memory = self.memory_mib / 1024 * prices.gb_hour[self.processor]
        # Spot discounts the task, not its address.
        address = prices.public_address_hour if self.public else 0.0
        return (cpu + memory) * (1 - prices.spot_discount * (1 - on_demand_share)) + address

    def per_audio_hour(self, prices: Prices, *, speed: Speed, on_demand_share: float) -> float:
        """Dollars for an hour of recording at the speed of this task."""
        return speed.task_time(self.per_hour(prices, on_demand_share=on_demand_share))


def _check_price(name: str, value: object) -> None:
    """Refuse a price that is no number, or below 0."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidEnvironment(name, value, "a number, in US dollars")
    zero_or_more(name, value)


def network_per_month(prices: Prices, *, endpoints: int, zones: int) -> dict[str, float]:
    """Dollars a month for each kind of egress.

    >>> {egress: round(dollars) for egress, dollars in network_per_month(Prices.read(), endpoints=5, zones=2).items()}
    {'public-egress': 0, 'nat': 36, 'endpoints': 73}
    """
    # One NAT gateway, with its own public address, serves all zones; each endpoint is billed in every zone.
    return {
        "public-egress": 0.0,
        "nat": HOURS_PER_MONTH * (prices.nat_gateway_hour + prices.public_address_hour),
        "endpoints": HOURS_PER_MONTH * prices.interface_endpoint_hour * endpoints * zones,
    }


def idle_per_month(prices: Prices, *, network: float, task: Task, tasks: float, web_acl: bool) -> dict[str, float]:
    """Dollars a month without a single call: the network, the load balancer, its rules, and the API tasks that always run.

    Args:
        prices: of the region.
        network: the egress's entry of `network_per_month`.
        task: one task of the API.
        tasks: how many run, on average over the week.
        web_acl: rules of AWS WAF examine the requests.
    """
    return {
        "network": network,
        "load balancer": HOURS_PER_MONTH * prices.load_balancer_hour,
        "web ACL": WEB_ACL_PER_MONTH if web_acl else 0.0,
        "API tasks": HOURS_PER_MONTH * tasks * task.per_hour(prices, on_demand_share=1),
    }
