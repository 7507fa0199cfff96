"""Promises of the Network stack."""

import json
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from stacks.environments import Egress, Environment, NetworkPlan
from tests.stacks.factory import FORGE, LIVE, REGION, existing_network
from tests.stacks.synthesis import Template, synthesize


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Egress, Template]:
    """The network of one environment for each kind of egress."""
    environments = [
        replace(FORGE, name=f"forge{number}", network=NetworkPlan(cidr=f"10.{number}.0.0/22", egress=egress))
        for number, egress in enumerate(Egress)
    ]
    templates = synthesize(environments, tmp_path_factory.mktemp("cdk.out"))
    return {e.network.egress: templates[f"{e.name}/Network"] for e in environments}


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The network stack of each environment that makes its network."""
    if not isinstance(environment.network, NetworkPlan):
        pytest.skip("its network exists")
    return templates[f"{environment.name}/Network"]


@pytest.fixture(scope="module")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """The stacks of an environment in a network that exists."""
    environment = replace(FORGE, network=existing_network(Egress.NAT))
    return synthesize([environment], tmp_path_factory.mktemp("existing"))


@pytest.fixture(params=Egress, ids=str)
def egress(request: pytest.FixtureRequest) -> Egress:
    """Each kind of egress in turn."""
    return Egress(request.param)


def subnets(template: Template, name: str) -> list[dict[str, Any]]:
    """The subnets with a name, one for each zone."""
    kind = {"Key": "aws-cdk:subnet-name", "Value": name}
    return [subnet for subnet in template.properties("AWS::EC2::Subnet") if kind in subnet["Tags"]]


def test_network_spans_its_zones(template: Template, environment: Environment) -> None:
    """Each zone that the environment names has every kind of subnet, without a lookup in the account."""
    found = template.properties("AWS::EC2::Subnet")
    zones = [subnet["AvailabilityZone"]["Fn::Join"] for subnet in found]
    assert {tuple(map(str, parts)) for _, parts in zones} == {
        ("{'Ref': 'AWS::Region'}", zone) for zone in environment.network.zones
    }


def test_s3_is_reached_through_a_gateway_endpoint(networks: Mapping[Egress, Template], egress: Egress) -> None:
    """The endpoint is free, and serves recordings and image layers in every subnet."""
    endpoints = networks[egress].properties("AWS::EC2::VPCEndpoint")
    (gateway,) = [endpoint for endpoint in endpoints if endpoint["VpcEndpointType"] == "Gateway"]
    assert gateway["ServiceName"]["Fn::Join"][1][-1] == ".s3"
    assert len(gateway["RouteTableIds"]) == len(networks[egress].properties("AWS::EC2::RouteTable"))


def test_gateway_leads_to_buckets_of_the_account_and_to_image_layers_only(template: Template) -> None:
    """A stolen task can copy no call to a bucket of another account; images still arrive."""
    endpoints = template.properties("AWS::EC2::VPCEndpoint")
    (gateway,) = [endpoint for endpoint in endpoints if endpoint["VpcEndpointType"] == "Gateway"]
    own, layers = gateway["PolicyDocument"]["Statement"]
    assert own["Condition"] == {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}
    needed = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket")
    assert not [action for action in needed if not [p for p in own["Action"] if fnmatchcase(action, p)]]
    assert layers["Action"] == "s3:GetObject"
    bucket = ["arn:", {"Ref": "AWS::Partition"}, ":s3:::prod-", {"Ref": "AWS::Region"}, "-starport-layer-bucket/*"]
    assert layers["Resource"] == {"Fn::Join": ["", bucket]}
    assert {statement["Principal"] for statement in (own, layers)} == {"*"}


def test_default_security_group_is_closed(template: Template) -> None:
    """A resource without a security group of its own has no network access."""
    assert "Custom::VpcRestrictDefaultSG" in template.kinds()


@pytest.mark.parametrize(
    ("egress", "gateways", "internet"), [(Egress.PUBLIC, 0, 1), (Egress.NAT, 1, 1), (Egress.ENDPOINTS, 0, 0)]
)
def test_each_egress_has_only_the_gateways_that_it_needs(
    networks: Mapping[Egress, Template], egress: Egress, gateways: int, internet: int
) -> None:
    """Public tasks need no NAT gateway, and a network with endpoints has no internet gateway."""
    kinds = networks[egress].kinds()
    assert kinds.count("AWS::EC2::NatGateway") == gateways
    assert kinds.count("AWS::EC2::InternetGateway") == internet


def test_interface_endpoints_are_those_that_a_task_needs(networks: Mapping[Egress, Template], egress: Egress) -> None:
    """Without internet, tasks need endpoints for images, secrets, logs and queues; each endpoint costs money."""
    endpoints = networks[egress].properties("AWS::EC2::VPCEndpoint")
    names = [e["ServiceName"].removeprefix(f"com.amazonaws.{REGION}.") for e in endpoints if "SubnetIds" in e]
    wanted = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sqs"] if egress is Egress.ENDPOINTS else []
    assert sorted(names) == wanted


def test_endpoints_serve_the_account_only(networks: Mapping[Egress, Template]) -> None:
    """Neither another account's credentials nor another account's queue, log group or secret can be used through them."""
    account = {"Ref": "AWS::AccountId"}
    endpoints = [e for e in networks[Egress.ENDPOINTS].properties("AWS::EC2::VPCEndpoint") if "SubnetIds" in e]
    assert len(endpoints) == 5
    for endpoint in endpoints:
        own, *others = endpoint["PolicyDocument"]["Statement"]
        assert own["Condition"]["StringEquals"] == {"aws:PrincipalAccount": account, "aws:ResourceAccount": account}
        # The login to a registry names no repository, and so has no resource with an account.
        logins = [(s["Action"], s["Condition"]["StringEquals"]) for s in others]
        registry = ".ecr." in endpoint["ServiceName"]
        assert logins == ([("ecr:GetAuthorizationToken", {"aws:PrincipalAccount": account})] if registry else [])
        assert {statement["Effect"] for statement in (own, *others)} == {"Allow"}


def test_endpoints_accept_connections_from_their_network_only(networks: Mapping[Egress, Template]) -> None:
    """All endpoints have one security group, with HTTPS from the network and no egress."""
    template = networks[Egress.ENDPOINTS]
    group = template.only("AWS::EC2::SecurityGroup")
    ((cidr, port),) = [(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupIngress"]]
    assert (cidr, port) == (template.only("AWS::EC2::VPC")["CidrBlock"], 443)
    assert [rule["Description"] for rule in group["SecurityGroupEgress"]] == ["Disallow all traffic"]


def test_tasks_have_as_many_addresses_as_the_plan_counts(networks: Mapping[Egress, Template], egress: Egress) -> None:
    """The subnets of tasks have the size that the environment's address check assumes."""
    template = networks[egress]
    plan = NetworkPlan(cidr=template.only("AWS::EC2::VPC")["CidrBlock"], egress=egress)
    found = subnets(template, "Outer" if egress is Egress.PUBLIC else "Inner")
    assert [IPv4Network(subnet["CidrBlock"]).prefixlen for subnet in found] == [plan.task_mask] * 2
    assert 0 < plan.task_addresses <= 2 * (IPv4Network(found[0]["CidrBlock"]).num_addresses - 5)


def test_subnets_are_disjoint_and_inside(networks: Mapping[Egress, Template], egress: Egress) -> None:
    """The narrow subnets fit beside the subnets of tasks, in every kind of egress."""
    whole = IPv4Network(networks[egress].only("AWS::EC2::VPC")["CidrBlock"])
    parts = [IPv4Network(subnet["CidrBlock"]) for subnet in networks[egress].properties("AWS::EC2::Subnet")]
    assert all(part.subnet_of(whole) for part in parts)
    assert not [(a, b) for a in parts for b in parts if a is not b and a.overlaps(b)]


@pytest.mark.parametrize("zones", [("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("prefix", [16, 20, 24])
def test_subnets_fit_every_network_and_waste_little(prefix: int, zones: tuple[str, ...]) -> None:
    """From the smallest network to the largest, all subnets fit, and tasks get at least a quarter of the addresses."""
    plan = NetworkPlan(cidr=f"10.0.0.0/{prefix}", zones=zones)
    wide = len(zones) * 2 ** (32 - plan.task_mask)
    assert wide + len(zones) * 32 <= 2 ** (32 - prefix) <= 4 * wide


def test_network_without_room_for_the_fleet_is_refused() -> None:
    """Synth fails if old and new tasks of a deployment would need more addresses than the network has."""
    needed = 2 * (LIVE.plan.api_max_tasks + LIVE.plan.batch_max_tasks)
    small = replace(LIVE.network, cidr="10.0.0.0/24")
    message = rf"^live\.network\.cidr: got '10\.0\.0\.0/24', expected a network with addresses for {needed} tasks, "
    with pytest.raises(ValueError, match=message):
        replace(LIVE, network=small)


def test_network_logs_its_flows(template: Template) -> None:
    """Accepted and rejected flows are logged, with a retention, by a role that can only write this log."""
    flows = template.only("AWS::EC2::FlowLog")
    assert (flows["ResourceType"], flows["TrafficType"]) == ("VPC", "ALL")
    group = template.only("AWS::Logs::LogGroup")
    assert group["RetentionInDays"] > 0
    (statement,) = template.only("AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Fn::GetAtt": [flows["LogGroupName"]["Ref"], "Arn"]}


def test_existing_network_is_left_as_it_is(existing: Mapping[str, Template]) -> None:
    """No VPC, subnet, route, endpoint or flow log is made, in any stack; security groups are the environment's own."""
    kinds = {kind for template in existing.values() for kind in template.kinds() if kind.startswith("AWS::EC2::")}
    assert kinds == {"AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress"}
    groups = [group for template in existing.values() for group in template.properties("AWS::EC2::SecurityGroup")]
    assert {group["VpcId"] for group in groups} == {existing_network(Egress.NAT).vpc_id}


def test_existing_network_needs_no_lookup(existing: Mapping[str, Template]) -> None:
    """Ids are values, so that synth is offline and says the same on every machine."""
    manifest = json.loads(existing["forge/Network"].path.with_name("manifest.json").read_text())
    assert not manifest.get("missing")


def test_ids_are_checked_by_cloudformation_before_the_other_stacks(existing: Mapping[str, Template]) -> None:
    """Parameters of AWS's own types must exist in the account and region, and the subnets be in the VPC."""
    network, body = existing_network(Egress.NAT), existing["forge/Network"].body
    given = {(p["Type"], p["Default"]) for p in body["Parameters"].values() if p["Type"].startswith("AWS::EC2::")}
    subnets = {("AWS::EC2::Subnet::Id", subnet) for subnet in (*network.task_subnets, *network.balancer_subnets)}
    assert given == {("AWS::EC2::VPC::Id", network.vpc_id), *subnets}
    (rule,) = (rule for name, rule in body["Rules"].items() if name != "CheckBootstrapVersion")
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {
        "Fn::EachMemberIn": [
            {"Fn::ValueOfAll": ["AWS::EC2::Subnet::Id", "VpcId"]},
            {"Fn::RefAll": "AWS::EC2::VPC::Id"},
        ]
    }
    artifacts = json.loads(existing["forge/Network"].path.with_name("manifest.json").read_text())["artifacts"]
    stacks = {name: a["dependencies"] for name, a in artifacts.items() if a["type"] == "aws:cloudformation:stack"}
    (checking,) = (name for name in stacks if "Network" in name)
    (cluster,) = (name for name in stacks if "Cluster" in name)
    assert checking in stacks[cluster]
    assert all(cluster in stacks[name] for name in stacks if "Api" in name or "Batch" in name)


def test_changed_ids_are_checked_again(existing: Mapping[str, Template]) -> None:
    """The CDK keeps the old value of a parameter whose default changes, so that the parameter is named after its value."""
    for name, parameter in existing["forge/Network"].body["Parameters"].items():
        if parameter["Type"].startswith("AWS::EC2::"):
            assert parameter["Default"].rpartition("-")[2].lower() in name.lower()


def test_load_balancer_is_in_its_own_subnets(existing: Mapping[str, Template], tmp_path: Path) -> None:
    """The owner may separate it from the tasks; without other subnets it shares theirs."""
    network = existing_network(Egress.NAT)
    shared = synthesize([replace(FORGE, network=replace(network, balancer_subnets=()))], tmp_path)
    for templates, subnets in ((existing, network.balancer_subnets), (shared, network.task_subnets)):
        balancer = templates["forge/Api"].only("AWS::ElasticLoadBalancingV2::LoadBalancer")
        assert balancer["Subnets"] == list(subnets)
        assert balancer["Scheme"] == "internal"


def test_only_named_clients_of_an_existing_network_are_admitted(existing: Mapping[str, Template]) -> None:
    """The rest of the VPC, which belongs to others, cannot reach the API."""
    groups = existing["forge/Api"].properties("AWS::EC2::SecurityGroup")
    admitted = {rule["CidrIp"] for group in groups for rule in group.get("SecurityGroupIngress", [])}
    assert admitted == {*existing_network(Egress.NAT).clients}
