"""Promises of the API stack for choices that are no defaults."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from stacks.environments import ApiPlan, CommitPlan, NetworkPlan, Processor, Routing, Strategy, WebAcl
from tests.stacks.api.resources import attributes, targets
from tests.stacks.factory import FORGE, LIVE, REGION
from tests.stacks.synthesis import Template, synthesize

CERTIFICATE = f"arn:aws:acm:{REGION}:{'1' * 12}:certificate/0f0f"
GROUP = "sg-0123456789abcdef0"
CHOICES = (
    replace(
        LIVE,
        network=NetworkPlan(cidr="10.1.32.0/20", clients=("192.168.0.0/16",), client_groups=(GROUP,)),
        processor=Processor.ARM64,
        commits=CommitPlan(),
        api=ApiPlan(
            min_tasks=2,
            subdomain="speech",
            routing=Routing.WEIGHTED_RANDOM,
            strategy=Strategy.BLUE_GREEN,
            bake_minutes=15,
            issue_certificate=True,
            web_acl=WebAcl(requests_per_minute=120),
        ),
    ),
    replace(
        FORGE,
        tls=True,
        ecs_exec=True,
        api=ApiPlan(keys=False, certificate_arn=CERTIFICATE, routing=Routing.ROUND_ROBIN, slow_start_seconds=60),
    ),
)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """Templates of two environments with these choices."""
    return synthesize(CHOICES, tmp_path_factory.mktemp("choices"))


@pytest.fixture(scope="module")
def live(chosen: Mapping[str, Template]) -> Template:
    """Blue/green, weighted random, ARM, a name of its own with a new certificate, clients, rules of AWS WAF."""
    return chosen["live/Api"]


@pytest.fixture(scope="module")
def forge(chosen: Mapping[str, Template]) -> Template:
    """Slow start, round robin, a typed certificate, no keys, shells."""
    return chosen["forge/Api"]


def groups(template: Template) -> list[dict[str, str]]:
    """Attributes of each target group."""
    found = template.properties("AWS::ElasticLoadBalancingV2::TargetGroup")
    return [attributes(properties, "TargetGroupAttributes") for properties in found]


def test_clients_of_the_environment_are_let_in(live: Template) -> None:
    """The networks and security groups that an environment lists may call the API; no other client may."""
    (balancer,) = [group for group in live.properties("AWS::EC2::SecurityGroup") if "SecurityGroupIngress" in group]
    rules = balancer["SecurityGroupIngress"] + [
        rule for rule in live.properties("AWS::EC2::SecurityGroupIngress") if rule.get("SourceSecurityGroupId") == GROUP
    ]
    callers = {(rule.get("CidrIp", rule.get("SourceSecurityGroupId")), rule["FromPort"]) for rule in rules}
    assert callers == {(who, port) for who in ("10.1.32.0/20", "192.168.0.0/16", GROUP) for port in (80, 443)}


def test_subdomain_is_an_alias_in_the_zone_of_the_account(live: Template) -> None:
    """The zone is a parameter, and the record is an alias of the load balancer."""
    record = live.only("AWS::Route53::RecordSet")
    assert record["HostedZoneId"]["Ref"] in live.body["Parameters"]
    assert record["Name"]["Fn::Join"][1][0] == "speech."
    assert "LoadBalancer" in str(record["AliasTarget"])
    assert live.body["Outputs"]["Url"]["Value"]["Fn::Join"][1][0] == "https://speech."


def test_weighted_random_mitigates_anomalies(live: Template) -> None:
    """It sends fewer requests to a task that fails, which is the reason to choose it."""
    for group in groups(live):
        assert group["load_balancing.algorithm.type"] == "weighted_random"
        assert group["load_balancing.algorithm.anomaly_mitigation"] == "on"


def test_slow_start_is_set_with_round_robin(forge: Template) -> None:
    """A new task gets its full share of requests after the time that the environment sets."""
    (group,) = groups(forge)
    assert (group["load_balancing.algorithm.type"], group["slow_start.duration_seconds"]) == ("round_robin", "60")


def test_blue_green_moves_requests_between_two_groups_and_can_go_back(live: Template) -> None:
    """ECS changes the weights of one rule; old tasks stay for the bake time, and errors roll back to them."""
    service = live.only("AWS::ECS::Service")
    deployment = service["DeploymentConfiguration"]
    assert (deployment["Strategy"], deployment["BakeTimeInMinutes"]) == ("BLUE_GREEN", 15)
    assert deployment["Alarms"]["Rollback"] is True
    (attached,) = service["LoadBalancers"]
    rule = live.body["Resources"][attached["AdvancedConfiguration"]["ProductionListenerRule"]["Ref"]]["Properties"]
    (action,) = rule["Actions"]
    weights = {str(group["TargetGroupArn"]): group["Weight"] for group in action["ForwardConfig"]["TargetGroups"]}
    alternate = attached["AdvancedConfiguration"]["AlternateTargetGroupArn"]
    assert weights == {str(attached["TargetGroupArn"]): 100, str(alternate): 0}


def test_blue_green_scales_on_cpu_alone(live: Template) -> None:
    """The request count of one group would drop to zero when a deployment moves requests to the other."""
    assert [metric for metric, _ in targets(live)] == ["ECSServiceAverageCPUUtilization"]


def test_blue_green_counts_unready_tasks_in_both_groups(chosen: Mapping[str, Template]) -> None:
    """The alarm sees the tasks of either group."""
    alarms = [
        alarm
        for alarm in chosen["live/Monitoring"].properties("AWS::CloudWatch::Alarm")
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


def test_tasks_and_build_use_the_chosen_processor(chosen: Mapping[str, Template]) -> None:
    """An image built for one processor does not start on the other."""
    for stack in ("Api", "Batch"):
        platform = chosen[f"live/{stack}"].only("AWS::ECS::TaskDefinition")["RuntimePlatform"]
        assert platform["CpuArchitecture"] == "ARM64"
    projects = chosen["live/Delivery"].properties("AWS::CodeBuild::Project")
    builds = [p["Environment"] for p in projects if "delivery build" in p["Source"]["BuildSpec"]]
    assert [build["Type"] for build in builds] == ["ARM_CONTAINER"]


def test_certificate_in_the_environment_needs_no_parameter(forge: Template) -> None:
    """An operator may give the certificate's ARN at synth."""
    (https,) = [
        listener
        for listener in forge.properties("AWS::ElasticLoadBalancingV2::Listener")
        if listener["Protocol"] == "HTTPS"
    ]
    assert https["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert "certificate-arn" not in str(forge.body["Parameters"])


def test_api_without_keys_has_no_secret(forge: Template) -> None:
    """Every client that the network admits may call it."""
    assert not forge.resources("AWS::SecretsManager::Secret")
    (container,) = forge.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert "Secrets" not in container


def test_ecs_exec_needs_a_writable_root(forge: Template) -> None:
    """The agent of ECS Exec does not run on a read-only root file system."""
    assert forge.only("AWS::ECS::Service")["EnableExecuteCommand"] is True
    (container,) = forge.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is False


def test_certificate_is_issued_for_the_name_in_the_zone(live: Template) -> None:
    """CloudFormation puts ACM's record into the zone that has the API's name, and the listener waits for the certificate."""
    certificate = live.only("AWS::CertificateManager::Certificate")
    record = live.only("AWS::Route53::RecordSet")
    assert certificate["ValidationMethod"] == "DNS"
    (option,) = certificate["DomainValidationOptions"]
    assert option == {"DomainName": certificate["DomainName"], "HostedZoneId": record["HostedZoneId"]}
    # The name of a record ends with a dot.
    assert record["Name"]["Fn::Join"][1][:2] == certificate["DomainName"]["Fn::Join"][1]
    (https,) = [p for p in live.properties("AWS::ElasticLoadBalancingV2::Listener") if p["Protocol"] == "HTTPS"]
    (used,) = https["Certificates"]
    assert live.body["Resources"][used["CertificateArn"]["Ref"]]["Properties"] == certificate
    assert "certificate-arn" not in str(live.body["Parameters"])


def test_address_with_too_many_requests_is_told_to_wait(live: Template) -> None:
    """The rate is counted for each address and minute; clients retry after 429."""
    rate, _ = live.only("AWS::WAFv2::WebACL")["Rules"]
    assert rate["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 60,
        "Limit": 120,
    }
    response = rate["Action"]["Block"]["CustomResponse"]
    assert (response["ResponseCode"], response["ResponseHeaders"]) == (429, [{"Name": "Retry-After", "Value": "60"}])


def test_recordings_pass_the_common_rules_whatever_is_in_them(live: Template) -> None:
    """WAF sees 8 KB of a body, and every recording is larger: rules about bodies only count, all others refuse."""
    _, common = live.only("AWS::WAFv2::WebACL")["Rules"]
    group = common["Statement"]["ManagedRuleGroupStatement"]
    assert (group["VendorName"], group["Name"]) == ("AWS", "AWSManagedRulesCommonRuleSet")
    assert common["OverrideAction"] == {"None": {}}
    counted = {
        override["Name"] for override in group["RuleActionOverrides"] if override["ActionToUse"] == {"Count": {}}
    }
    # The rules of the set that look at bodies, as AWS lists them.
    assert counted == {
        f"{attack}_BODY"
        for attack in ("SizeRestrictions", "CrossSiteScripting", "EC2MetaDataSSRF", "GenericLFI", "GenericRFI")
    }
    assert len(group["RuleActionOverrides"]) == len(counted)


def test_refused_requests_are_logged_without_keys(live: Template) -> None:
    """Neither the log nor a sample in the console shows a caller's key, in either of the headers that may have one."""
    logging = live.only("AWS::WAFv2::LoggingConfiguration")
    assert {field["SingleHeader"]["Name"] for field in logging["RedactedFields"]} == {"authorization", "x-api-key"}
    assert logging["LoggingFilter"]["DefaultBehavior"] == "DROP"
    (kept,) = logging["LoggingFilter"]["Filters"]
    assert kept["Conditions"] == [{"ActionCondition": {"Action": "BLOCK"}}]
    acl = live.only("AWS::WAFv2::WebACL")
    assert not [part for part in (acl, *acl["Rules"]) if part["VisibilityConfig"]["SampledRequestsEnabled"]]
    # WAF refuses an ARN that ends with `:*`.
    (arn,) = logging["LogDestinationConfigs"]
    assert not str(arn).endswith("*']]}")
    (group,) = [g for g in live.properties("AWS::Logs::LogGroup") if "LogGroupName" in g]
    assert group["LogGroupName"] == "aws-waf-logs-whisper-live"


def test_no_rules_stand_before_an_api_that_asks_for_none(forge: Template) -> None:
    """They cost $7 a month, and the load balancer is internal."""
    assert not [kind for kind in forge.kinds() if kind.startswith("AWS::WAFv2::")]
