"""What the network stack promises."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.environments import Environment, select
from stacks.plans import Egress, NetworkPlan
from tests.stacks.synthesis import Template, synthesize


def test_network_spans_its_zones(templates: Mapping[str, Template], environment: Environment) -> None:
    """Each kind of subnet stands in every zone that the environment names, and nothing is looked up."""
    subnets = templates[f"{environment.name}/Network"].properties("AWS::EC2::Subnet")
    zones = [subnet["AvailabilityZone"]["Fn::Join"] for subnet in subnets]
    assert {tuple(map(str, parts)) for _, parts in zones} == {("{'Ref': 'AWS::Region'}", z) for z in "ab"}


def test_storage_is_reached_without_leaving_the_network(
    templates: Mapping[str, Template], environment: Environment
) -> None:
    """Recordings and image layers travel through the gateway endpoint of S3, which is free."""
    endpoints = templates[f"{environment.name}/Network"].properties("AWS::EC2::VPCEndpoint")
    assert [endpoint["VpcEndpointType"] for endpoint in endpoints] == ["Gateway"]


def test_default_security_group_is_closed(templates: Mapping[str, Template], environment: Environment) -> None:
    """What is started without a security group talks to nobody."""
    assert "Custom::VpcRestrictDefaultSG" in templates[f"{environment.name}/Network"].kinds()


@pytest.mark.parametrize(
    ("egress", "gateways", "interfaces", "internet"),
    [(Egress.PUBLIC, 0, 0, 1), (Egress.NAT, 1, 0, 1), (Egress.ENDPOINTS, 0, 4, 0)],
)
def test_egress_costs_what_its_kind_needs(
    egress: Egress, gateways: int, interfaces: int, internet: int, tmp_path: Path
) -> None:
    """Public tasks pay for neither a NAT gateway nor endpoints, and a network of endpoints has no internet."""
    dev = replace(select("dev")[0], network=NetworkPlan(cidr="10.1.0.0/20", egress=egress))
    network = synthesize([dev], tmp_path)["dev/Network"]
    kinds = network.kinds()
    endpoints = [e["VpcEndpointType"] for e in network.properties("AWS::EC2::VPCEndpoint")]
    assert kinds.count("AWS::EC2::NatGateway") == gateways
    assert kinds.count("AWS::EC2::InternetGateway") == internet
    assert endpoints.count("Interface") == interfaces
