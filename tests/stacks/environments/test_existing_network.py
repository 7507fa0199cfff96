"""A network or a cluster that exists: valid ids, or one line that names the wrong one."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from stacks.capacity import Prices
from stacks.environments import Egress, Environment, ExistingNetwork, InvalidEnvironment, NetworkPlan, select
from stacks.environments.costs import idle_parts
from tests.stacks.factory import CLUSTER, LIVE, TRIAL, existing_network

PRIVATE, PUBLIC = existing_network(Egress.NAT), existing_network(Egress.PUBLIC)
FIRST, SECOND = PRIVATE.task_subnets
ALONE = replace(TRIAL, releases=None)

REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: replace(PRIVATE, vpc_id="vpc-office"),
        "network.vpc_id: got 'vpc-office', expected the id of a VPC: vpc- and 8 or 17 hex digits",
    ),
    (
        lambda: replace(PRIVATE, cidr="10.200.0.1/16"),
        "network.cidr: got '10.200.0.1/16', expected an IPv4 network such",
    ),
    (lambda: replace(PRIVATE, zones=("a",)), "network.zones: got 'a', expected two to four different letters"),
    (
        lambda: replace(PRIVATE, zones=("a", "b", "c")),
        f"network.private_subnets: got '{FIRST}, {SECOND}', expected a different subnet for each of the zones a, b, c,",
    ),
    (
        lambda: replace(PRIVATE, private_subnets=(FIRST, FIRST)),
        f"network.private_subnets: got '{FIRST}, {FIRST}', expected a different subnet for each of the zones a, c,",
    ),
    (
        lambda: replace(PRIVATE, private_subnets=()),
        "network.private_subnets: got '', expected a different subnet for each of the zones a, c, in this order",
    ),
    (
        lambda: replace(PRIVATE, private_subnets=(FIRST, "subnet-b")),
        "network.private_subnets: got 'subnet-b', expected ids of subnets: subnet- and 8 or 17 hex digits",
    ),
    (
        lambda: replace(PRIVATE, private_subnets=[FIRST, SECOND]),  # type: ignore[arg-type]
        f"network.private_subnets: got \"['{FIRST}', '{SECOND}']\", expected texts in brackets, such as ",
    ),
    # Tasks with public addresses need subnets with a route to an internet gateway, which private ones do not have.
    (
        lambda: replace(PRIVATE, egress=Egress.PUBLIC),
        f"network.private_subnets: got '{FIRST}, {SECOND}', expected none, because tasks with public-egress are in public",
    ),
    (
        lambda: replace(PUBLIC, egress=Egress.ENDPOINTS),
        f"network.public_subnets: got '{FIRST}, {SECOND}', expected none, because tasks with endpoints are in private_",
    ),
    (
        lambda: replace(PRIVATE, balancer_subnets=(SECOND, FIRST)),
        f"network.balancer_subnets: got '{SECOND}', expected a subnet of zone a; private_subnets has it in c",
    ),
    (
        lambda: replace(PRIVATE, balancer_subnets=(FIRST,)),
        f"network.balancer_subnets: got '{FIRST}', expected a different subnet for each of the zones a, c,",
    ),
    (lambda: replace(PRIVATE, task_addresses=0), "network.task_addresses: got '0', expected a whole number, 1 or more"),
    (
        lambda: replace(PRIVATE, clients=()),
        "network.clients: got '', expected who may call the API, here or in client_groups, such as 10.200.0.0/16 for",
    ),
    (
        lambda: replace(PRIVATE, clients=("0.0.0.0/0",)),
        "network.clients: got '0.0.0.0/0', expected a network of /8 or narrower",
    ),
    (
        lambda: replace(PRIVATE, clients=("10.200.0.0/16", "10.200.1.0/24")),
        "network.clients: got '10.200.1.0/24', expected addresses apart from network.clients 10.200.0.0/16",
    ),
    (
        lambda: replace(PRIVATE, client_groups=("office",)),
        "network.client_groups: got 'office', expected security groups such as sg- and 17 hex digits",
    ),
    (
        lambda: replace(LIVE, network=replace(PRIVATE, task_addresses=10)),
        "live.network.task_addresses: got '10', expected ",
    ),
    (
        lambda: replace(LIVE, network="vpc-0123456789abcdef0"),  # type: ignore[arg-type]
        "live.network: got 'vpc-0123456789abcdef0', expected NetworkPlan(…) or ExistingNetwork(…)",
    ),
    (
        lambda: replace(LIVE, cluster="arn:aws:ecs:eu-west-1:1:cluster/shared"),
        "live.cluster: got 'arn:aws:ecs:eu-west-1:1:cluster/shared', expected the name of an ECS cluster, not its ARN;",
    ),
    (
        lambda: replace(LIVE, cluster=CLUSTER, enhanced_insights=True),
        f"live.enhanced_insights: got 'True', expected False, because {CLUSTER} is not made here",
    ),
    (
        lambda: select(
            None, (in_network(PRIVATE), replace(ALONE, name="other", network=NetworkPlan(cidr="10.200.0.0/20")))
        ),
        "other.network.cidr: got '10.200.0.0/20', expected addresses apart from trial.network.cidr 10.200.0.0/16",
    ),
]


def in_network(network: ExistingNetwork, name: str = "trial") -> Environment:
    """An environment in an existing network."""
    return replace(ALONE, name=name, network=network)


@pytest.mark.parametrize(("make", "message"), REFUSALS)
def test_ids_that_contradict_are_refused_in_one_line(make: Callable[[], object], message: str) -> None:
    """The line names the field, the value and the expectation, before anything is synthesized."""
    with pytest.raises(InvalidEnvironment, match=r"^[^\n]+$") as refusal:
        make()
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize("egress", Egress, ids=str)
def test_tasks_are_in_the_subnets_of_their_egress(egress: Egress) -> None:
    """Public tasks are in public subnets, others in private ones."""
    network = existing_network(egress)
    assert network.task_subnets == (FIRST, SECOND)
    assert network.task_subnets == (network.public_subnets if egress is Egress.PUBLIC else network.private_subnets)


def test_environments_may_share_an_existing_network() -> None:
    """One VPC may hold several environments; a peered one may not have the same addresses."""
    pair = (in_network(PRIVATE), in_network(replace(PRIVATE, clients=("10.0.0.0/16",)), name="other"))
    assert select(None, pair) == pair


def test_being_in_a_shared_network_admits_no_caller() -> None:
    """The owner's other machines have no reason to call the API; in a network of its own there are no others."""
    assert PRIVATE.admitted == PRIVATE.clients
    assert NetworkPlan(cidr="10.1.0.0/20", clients=("10.2.0.0/20",)).admitted == ("10.1.0.0/20", "10.2.0.0/20")


def test_existing_network_costs_the_environment_nothing() -> None:
    """Gateways and endpoints of an existing network are on its owner's bill."""
    prices = Prices.read()
    for egress in Egress:
        assert idle_parts(in_network(existing_network(egress)), egress, prices)["network"] == 0
