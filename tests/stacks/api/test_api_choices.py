"""What the API stack promises of the choices that no environment makes by default."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from stacks.environments import ApiPlan, CommitPlan, NetworkPlan, Processor, Routing, Strategy, select
from tests.stacks.api.test_api import attributes, targets
from tests.stacks.synthesis import Template, synthesize

CERTIFICATE = f"arn:aws:acm:eu-west-1:{'1' * 12}:certificate/0f0f"
GROUP = "sg-0123456789abcdef0"
(DEV,), (PROD,) = select("dev"), select("prod")
CHOICES = (
    replace(
        PROD,
        network=NetworkPlan(cidr="10.64.32.0/20", clients=("192.168.0.0/16",), client_groups=(GROUP,)),
        processor=Processor.ARM64,
        commits=CommitPlan(),
        api=ApiPlan(
            min_tasks=2,
            subdomain="speech",
            routing=Routing.WEIGHTED_RANDOM,
            strategy=Strategy.BLUE_GREEN,
            bake_minutes=15,
        ),
    ),
    replace(
        DEV,
        tls=True,
        ecs_exec=True,
        api=ApiPlan(keys=False, certificate_arn=CERTIFICATE, routing=Routing.ROUND_ROBIN, slow_start_seconds=60),
    ),
)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """Templates of two environments that choose what the others do not."""
    return synthesize(CHOICES, tmp_path_factory.mktemp("choices"))


@pytest.fixture(scope="module")
def prod(chosen: Mapping[str, Template]) -> Template:
    """Blue/green, weighted random, ARM, a name of its own, clients."""
    return chosen["prod/Api"]


@pytest.fixture(scope="module")
def dev(chosen: Mapping[str, Template]) -> Template:
    """Slow start, round robin, a typed certificate, no keys, shells."""
    return chosen["dev/Api"]


def groups(template: Template) -> list[dict[str, str]]:
    """Attributes of every target group."""
    found = template.properties("AWS::ElasticLoadBalancingV2::TargetGroup")
    return [attributes(properties, "TargetGroupAttributes") for properties in found]


def test_clients_of_the_environment_are_let_in(prod: Template) -> None:
    """An office network and a security group that an environment lists may call the API; nobody else may."""
    (balancer,) = [group for group in prod.properties("AWS::EC2::SecurityGroup") if "SecurityGroupIngress" in group]
    rules = balancer["SecurityGroupIngress"] + [
        rule for rule in prod.properties("AWS::EC2::SecurityGroupIngress") if rule.get("SourceSecurityGroupId") == GROUP
    ]
    callers = {(rule.get("CidrIp", rule.get("SourceSecurityGroupId")), rule["FromPort"]) for rule in rules}
    assert callers == {(who, port) for who in ("10.64.32.0/20", "192.168.0.0/16", GROUP) for port in (80, 443)}


def test_subdomain_is_an_alias_in_the_zone_that_the_account_knows(prod: Template) -> None:
    """The zone is a parameter; the name follows the load balancer wherever AWS moves it."""
    record = prod.only("AWS::Route53::RecordSet")
    assert record["HostedZoneId"]["Ref"] in prod.body["Parameters"]
    assert record["Name"]["Fn::Join"][1][0] == "speech."
    assert "LoadBalancer" in str(record["AliasTarget"])
    assert prod.body["Outputs"]["Url"]["Value"]["Fn::Join"][1][0] == "https://speech."


def test_weighted_random_avoids_a_task_that_fails(prod: Template) -> None:
    """Anomaly mitigation is the reason to choose it."""
    for group in groups(prod):
        assert group["load_balancing.algorithm.type"] == "weighted_random"
        assert group["load_balancing.algorithm.anomaly_mitigation"] == "on"


def test_slow_start_comes_with_the_algorithm_that_has_it(dev: Template) -> None:
    """A new task warms up for as long as the environment says."""
    (group,) = groups(dev)
    assert (group["load_balancing.algorithm.type"], group["slow_start.duration_seconds"]) == ("round_robin", "60")


def test_blue_green_moves_requests_between_two_groups_and_can_go_back(prod: Template) -> None:
    """ECS shifts one rule's weights, old tasks stay while the new ones prove themselves, errors bring them back."""
    service = prod.only("AWS::ECS::Service")
    deployment = service["DeploymentConfiguration"]
    assert (deployment["Strategy"], deployment["BakeTimeInMinutes"]) == ("BLUE_GREEN", 15)
    assert deployment["Alarms"]["Rollback"] is True
    (attached,) = service["LoadBalancers"]
    rule = prod.body["Resources"][attached["AdvancedConfiguration"]["ProductionListenerRule"]["Ref"]]["Properties"]
    (action,) = rule["Actions"]
    weights = {str(group["TargetGroupArn"]): group["Weight"] for group in action["ForwardConfig"]["TargetGroups"]}
    alternate = attached["AdvancedConfiguration"]["AlternateTargetGroupArn"]
    assert weights == {str(attached["TargetGroupArn"]): 100, str(alternate): 0}


def test_blue_green_scales_on_cpu_alone(prod: Template) -> None:
    """A count of one group's requests would fall to nothing when a deploy moves them to the other."""
    assert [metric for metric, _ in targets(prod)] == ["ECSServiceAverageCPUUtilization"]


def test_blue_green_counts_unready_tasks_in_both_groups(chosen: Mapping[str, Template]) -> None:
    """Whichever of the two serves, the alarm sees its tasks."""
    alarms = [
        alarm
        for alarm in chosen["prod/Monitoring"].properties("AWS::CloudWatch::Alarm")
        if "UnHealthyHost" in str(alarm)
    ]
    (alarm,) = alarms
    counted = [
        dimension["Value"]
        for query in alarm["Metrics"]
        for dimension in query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])
        if dimension["Name"] == "TargetGroup"
    ]
    assert len({str(group) for group in counted}) == 2


def test_processor_is_that_of_every_task_and_of_the_build(chosen: Mapping[str, Template]) -> None:
    """An image for one processor does not start on the other."""
    for stack in ("Api", "Batch"):
        platform = chosen[f"prod/{stack}"].only("AWS::ECS::TaskDefinition")["RuntimePlatform"]
        assert platform["CpuArchitecture"] == "ARM64"
    projects = chosen["prod/Delivery"].properties("AWS::CodeBuild::Project")
    builds = [p["Environment"] for p in projects if "delivery build" in p["Source"]["BuildSpec"]]
    assert [build["Type"] for build in builds] == ["ARM_CONTAINER"]


def test_certificate_that_is_typed_needs_no_parameter(dev: Template) -> None:
    """An operator who knows the certificate at synth may say so."""
    (https,) = [
        listener
        for listener in dev.properties("AWS::ElasticLoadBalancingV2::Listener")
        if listener["Protocol"] == "HTTPS"
    ]
    assert https["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert "certificate-arn" not in str(dev.body["Parameters"])


def test_api_without_keys_has_no_secret(dev: Template) -> None:
    """Whoever the network lets in may call."""
    assert not dev.resources("AWS::SecretsManager::Secret")
    (container,) = dev.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert "Secrets" not in container


def test_shells_need_a_root_that_can_be_written(dev: Template) -> None:
    """ECS Exec is off unless an environment says otherwise; its agent does not run on a read-only root."""
    assert dev.only("AWS::ECS::Service")["EnableExecuteCommand"] is True
    (container,) = dev.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is False
