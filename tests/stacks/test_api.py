"""What the API stack promises."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from service.settings import READY_PATH
from stacks.environments import Environment, select
from stacks.plans import NetworkPlan
from tests.stacks.synthesis import Template, synthesize


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The API stack of each environment."""
    return templates[f"{environment.name}/Api"]


def attributes(properties: dict[str, object], name: str) -> dict[str, str]:
    """The attributes of a load balancer or target group by key."""
    pairs = properties[name]
    assert isinstance(pairs, list)
    return {pair["Key"]: pair["Value"] for pair in pairs}


def test_load_balancer_is_internal(template: Template) -> None:
    """The internet cannot reach the API."""
    assert template.only("AWS::ElasticLoadBalancingV2::LoadBalancer")["Scheme"] == "internal"


def test_nothing_is_let_in_from_everywhere(template: Template) -> None:
    """Rules name the network, the clients or another security group, never the whole world."""
    groups = template.properties("AWS::EC2::SecurityGroup")
    rules = [rule for group in groups for rule in group.get("SecurityGroupIngress", [])]
    rules += template.properties("AWS::EC2::SecurityGroupIngress")
    assert rules
    assert not [rule for rule in rules if rule.get("CidrIp") == "0.0.0.0/0" or "CidrIpv6" in rule]


def test_clients_of_the_environment_are_let_in(tmp_path: Path) -> None:
    """An office network that an environment lists may call the API; nobody else outside its network may."""
    plan = NetworkPlan(cidr="10.1.0.0/20", clients=("192.168.0.0/16",))
    template = synthesize([replace(select("dev")[0], network=plan)], tmp_path)["dev/Api"]
    groups = template.properties("AWS::EC2::SecurityGroup")
    cidrs = [rule["CidrIp"] for group in groups for rule in group.get("SecurityGroupIngress", [])]
    assert cidrs == ["10.1.0.0/20", "192.168.0.0/16"]


def test_tls_is_used_where_the_environment_says_so(template: Template, environment: Environment) -> None:
    """Prod and stage speak HTTPS of today, with the certificate of the account."""
    listener = template.only("AWS::ElasticLoadBalancingV2::Listener")
    if environment.tls:
        assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
        assert "TLS13" in listener["SslPolicy"]
        (certificate,) = listener["Certificates"]
        assert template.body["Parameters"][certificate["CertificateArn"]["Ref"]] == {
            "Type": "AWS::SSM::Parameter::Value<String>",
            "Default": f"/whisper/{environment.name}/certificate-arn",
        }
    else:
        assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")


def test_connections_outlast_requests(template: Template, environment: Environment) -> None:
    """The load balancer waits longer than the longest request, and a leaving task finishes what it has."""
    settings = environment.api_settings
    balancer = attributes(template.only("AWS::ElasticLoadBalancingV2::LoadBalancer"), "LoadBalancerAttributes")
    group = attributes(template.only("AWS::ElasticLoadBalancingV2::TargetGroup"), "TargetGroupAttributes")
    assert int(balancer["idle_timeout.timeout_seconds"]) > settings.job_deadline_seconds
    assert int(group["deregistration_delay.timeout_seconds"]) == settings.job_deadline_seconds


def test_requests_go_to_ready_tasks(template: Template, environment: Environment) -> None:
    """A task gets requests once its model is loaded, on the port that the service binds."""
    group = template.only("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["HealthCheckPath"] == READY_PATH
    assert group["Port"] == environment.settings.port


def test_invalid_headers_are_dropped(template: Template) -> None:
    """What is not HTTP is not passed on."""
    balancer = template.only("AWS::ElasticLoadBalancingV2::LoadBalancer")
    dropped = attributes(balancer, "LoadBalancerAttributes")["routing.http.drop_invalid_header_fields.enabled"]
    assert dropped == "true"


def test_failed_deploy_is_rolled_back(template: Template) -> None:
    """An image that does not become ready is replaced by the one before, and the old tasks serve meanwhile."""
    deployment = template.only("AWS::ECS::Service")["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)


def test_deploy_never_overwrites_the_number_of_tasks(template: Template) -> None:
    """Scaling alone decides how many tasks run."""
    assert "DesiredCount" not in template.only("AWS::ECS::Service")


def test_fleet_limits_come_from_the_workload(template: Template, environment: Environment) -> None:
    """Nobody types how far the API may grow."""
    target = template.only("AWS::ApplicationAutoScaling::ScalableTarget")
    plan = environment.plan
    assert (target["MinCapacity"], target["MaxCapacity"]) == (plan.api_min_tasks, plan.api_max_tasks)


def test_api_accepts_only_what_it_can_answer_in_time(environment: Environment) -> None:
    """A recording that would outlast the connection is refused at once; it belongs in the bucket."""
    settings = environment.api_settings
    seconds = settings.max_audio_seconds / environment.plan.speed.audio_seconds_per_second
    assert seconds <= settings.job_deadline_seconds < settings.idle_timeout_seconds
