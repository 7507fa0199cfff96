"""What an environment costs while nothing happens, and what transcribing an hour of recording costs.

Plain values in, US dollars out; docs/capacity.md names what is left out.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stacks.capacity.fleet import Speed

HOURS_PER_MONTH = 730


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Dollars an hour, of one region on one date; vCPU and GB by processor."""

    dated: str
    region: str
    load_balancer_hour: float
    nat_gateway_hour: float
    interface_endpoint_hour: float
    public_address_hour: float
    spot_discount: float
    vcpu_hour: Mapping[str, float]
    gb_hour: Mapping[str, float]

    @classmethod
    def read(cls) -> Self:
        """The prices of prices.toml."""
        return cls(**tomllib.loads(Path(__file__).with_name("prices.toml").read_text()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A Fargate task as the bill sees it: CPU units (1024 is one vCPU), MiB of memory, processor, public address."""

    cpu: int
    memory_mib: int
    processor: str = "X86_64"
    public: bool = False

    def per_hour(self, prices: Prices, *, spot: bool) -> float:
        """Dollars for an hour of its life.

        Raises:
            ValueError: a processor without a price.
        """
        if self.processor not in prices.vcpu_hour:
            expected = f"one of {', '.join(prices.vcpu_hour)}"
            raise ValueError(f"task.processor: got {self.processor!r}, expected {expected}")
        cpu = self.cpu / 1024 * prices.vcpu_hour[self.processor]
        memory = self.memory_mib / 1024 * prices.gb_hour[self.processor]
        address = prices.public_address_hour if self.public else 0.0
        return (cpu + memory) * (1 - prices.spot_discount * spot) + address

    def per_audio_hour(self, prices: Prices, *, speed: Speed, spot: bool) -> float:
        """Dollars for an hour of recording at the speed of this task."""
        return speed.task_time(self.per_hour(prices, spot=spot))


def network_per_month(prices: Prices, *, endpoints: int, zones: int) -> dict[str, float]:
    """Dollars a month for each kind of egress, which is what an operator chooses from.

    >>> {egress: round(dollars) for egress, dollars in network_per_month(Prices.read(), endpoints=5, zones=2).items()}
    {'public-egress': 0, 'nat': 36, 'endpoints': 73}
    """
    # One NAT gateway, with its own public address, serves every zone; an endpoint stands in each.
    return {
        "public-egress": 0.0,
        "nat": HOURS_PER_MONTH * (prices.nat_gateway_hour + prices.public_address_hour),
        "endpoints": HOURS_PER_MONTH * prices.interface_endpoint_hour * endpoints * zones,
    }


def idle_per_month(prices: Prices, *, network: float, task: Task, tasks: float) -> dict[str, float]:
    """Dollars a month without a single call: the network, the load balancer and the API tasks that always run.

    Args:
        prices: of the region.
        network: what `network_per_month` says for the egress.
        task: one task of the API.
        tasks: how many run, on average over the week.
    """
    return {
        "network": network,
        "load balancer": HOURS_PER_MONTH * prices.load_balancer_hour,
        "API tasks": HOURS_PER_MONTH * tasks * task.per_hour(prices, spot=False),
    }
