"""Promises that every environment keeps, whatever its choices; the matrix and the property tests check them all."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from service.contract import OTLP_ENDPOINT_VARIABLE
from stacks.environments import Egress, Environment, ExistingNetwork, Routing, Strategy, Weights
from tests.stacks.synthesis import KEPT, STACKS, STATEFUL, Template, listed, statements

# The stacks of one environment by their own names, such as `Api`.
Stacks = Mapping[str, Template]
ELB = "AWS::ElasticLoadBalancingV2"
# The only resource of a stack that names what exists.
EMPTY = "AWS::CloudFormation::WaitConditionHandle"
ALGORITHMS = {
    Routing.LEAST_OUTSTANDING: "least_outstanding_requests",
    Routing.WEIGHTED_RANDOM: "weighted_random",
    Routing.ROUND_ROBIN: "round_robin",
}


def environment_has_its_stacks(environment: Environment, stacks: Stacks) -> None:
    """The same stacks; Models if the weights are outside the image, Gate, Delivery and People if they are asked for."""
    releases = environment.releases
    wanted = {*STACKS, *(() if environment.weights is Weights.IMAGE else ("Models",))}
    if releases and releases.gate:
        wanted.add("Gate")
    if releases and not releases.source.identity:
        wanted.add("Releases")
    if not (environment.commits or releases or environment.released_by):
        wanted.remove("Delivery")
    if not environment.people:
        wanted.remove("People")
    if environment.backfill:
        wanted.add("Backfill")
    assert set(stacks) == wanted


def tasks_leave_as_chosen(environment: Environment, stacks: Stacks) -> None:
    """A NAT gateway, interface endpoints or public addresses: only those that were chosen; nothing in another's network."""
    kinds = Counter(stacks["Network"].kinds())
    endpoints = stacks["Network"].properties("AWS::EC2::VPCEndpoint")
    network, egress = environment.network, environment.network.egress
    for service in services(stacks):
        placed = service["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert placed["AssignPublicIp"] == ("ENABLED" if egress is Egress.PUBLIC else "DISABLED")
        if isinstance(network, ExistingNetwork):
            assert placed["Subnets"] == list(network.task_subnets)
    if isinstance(network, ExistingNetwork):
        assert set(kinds) == {EMPTY}
        return
    assert kinds["AWS::EC2::NatGateway"] == (egress is Egress.NAT)
    assert any(e["VpcEndpointType"] == "Interface" for e in endpoints) == (egress is Egress.ENDPOINTS)
    assert any(e["VpcEndpointType"] == "Gateway" for e in endpoints)


def tasks_run_in_the_chosen_cluster(environment: Environment, stacks: Stacks) -> None:
    """An existing cluster is used and not changed; one of the environment's own is made otherwise."""
    if not environment.cluster:
        assert "AWS::ECS::Cluster" in stacks["Cluster"].kinds()
        return
    assert stacks["Cluster"].kinds() == [EMPTY]
    assert {service["Cluster"] for service in services(stacks)} == {environment.cluster}


def requests_are_filtered_as_chosen(environment: Environment, stacks: Stacks) -> None:
    """Rules of AWS WAF stand before the load balancer only if they were chosen."""
    kinds = Counter(stacks["Api"].kinds())
    chosen = environment.api.web_acl is not None
    assert kinds["AWS::WAFv2::WebACL"] == kinds["AWS::WAFv2::WebACLAssociation"] == chosen


def listeners_are_as_chosen(environment: Environment, stacks: Stacks) -> None:
    """With TLS, HTTPS serves with a current policy and plain HTTP only redirects; the load balancer is internal."""
    listeners = {p["Protocol"]: p for p in stacks["Api"].properties(f"{ELB}::Listener")}
    assert stacks["Api"].only(f"{ELB}::LoadBalancer")["Scheme"] == "internal"
    if environment.tls:
        assert "TLS13" in listeners.pop("HTTPS")["SslPolicy"]
        assert {a["Type"] for p in listeners.values() for a in p["DefaultActions"]} <= {"redirect"}
    else:
        assert set(listeners) == {"HTTP"}


def nothing_is_let_in_from_everywhere(_: Environment, stacks: Stacks) -> None:
    """Ingress rules name networks or security groups, never the whole internet."""
    for template in stacks.values():
        rules = [r for g in template.properties("AWS::EC2::SecurityGroup") for r in g.get("SecurityGroupIngress", [])]
        rules += template.properties("AWS::EC2::SecurityGroupIngress")
        assert not [rule for rule in rules if rule.get("CidrIp") == "0.0.0.0/0" or "CidrIpv6" in rule]


def requests_are_routed_as_chosen(environment: Environment, stacks: Stacks) -> None:
    """Every target group follows the chosen algorithm, with anomaly mitigation if the algorithm has it."""
    groups = stacks["Api"].properties(f"{ELB}::TargetGroup")
    assert len(groups) == (2 if environment.api.strategy is Strategy.BLUE_GREEN else 1)
    for group in groups:
        attributes = {pair["Key"]: pair["Value"] for pair in group["TargetGroupAttributes"]}
        assert attributes["load_balancing.algorithm.type"] == ALGORITHMS[environment.api.routing]
        mitigated = attributes.get("load_balancing.algorithm.anomaly_mitigation") == "on"
        assert mitigated == (environment.api.routing is Routing.WEIGHTED_RANDOM)


def failed_deployments_are_rolled_back(environment: Environment, stacks: Stacks) -> None:
    """A version that does not become ready is replaced by the old one, whose tasks serve until then."""
    deployment = stacks["Api"].only("AWS::ECS::Service")["DeploymentConfiguration"]
    assert deployment["MinimumHealthyPercent"] == 100
    assert deployment["Alarms"]["Rollback"]
    assert (deployment.get("Strategy") == "BLUE_GREEN") == (environment.api.strategy is Strategy.BLUE_GREEN)


def tasks_have_the_size_that_is_given_or_chosen(environment: Environment, stacks: Stacks) -> None:
    """As large as it is given, or as the cheapest measurement chose it; workers work on as many recordings as that had."""
    size = environment.size or environment.choice
    for stack in ("Api", "Batch"):
        for definition in stacks[stack].properties("AWS::ECS::TaskDefinition"):
            assert (definition["Cpu"], definition["Memory"]) == (str(size.cpu), str(size.memory_mib))
            (container,) = (each for each in definition["ContainerDefinitions"] if each["Name"] == "Service")
            variables = {each["Name"]: each["Value"] for each in container["Environment"]}
            assert variables["WHISPER_LANES"] == str(environment.lanes)


def tasks_run_on_the_chosen_processor(environment: Environment, stacks: Stacks) -> None:
    """Both fleets and the gate run one image."""
    for name in {"Api", "Backfill", "Batch", "Gate"} & set(stacks):
        task = stacks[name].only("AWS::ECS::TaskDefinition")
        assert task["RuntimePlatform"]["CpuArchitecture"] == environment.processor


def tasks_are_confined(_: Environment, stacks: Stacks) -> None:
    """No root user, a read-only root file system, no capabilities, and an init process."""
    for name in {"Api", "Backfill", "Batch", "Gate"} & set(stacks):
        for container in stacks[name].only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]:
            assert container["ReadonlyRootFilesystem"]
            assert not container.get("Privileged")
            if container.get("Essential", True):
                assert container["User"] == "65534:65534"
                assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
                assert container["LinuxParameters"]["InitProcessEnabled"]


def fleets_follow_the_workload(environment: Environment, stacks: Stacks) -> None:
    """The plan sets the limits of the fleets; a deployment does not set the number of running tasks."""
    plan = environment.plan
    target = "AWS::ApplicationAutoScaling::ScalableTarget"
    assert stacks["Api"].only(target)["MaxCapacity"] == plan.api_max_tasks
    limits = [found["MaxCapacity"] for found in stacks["Batch"].properties(target)]
    assert sorted(limits) == sorted(most for most in (plan.batch_max_tasks, plan.relief_max_tasks) if most)
    assert not [service for service in services(stacks) if "DesiredCount" in service]


def data_is_kept_private(environment: Environment, stacks: Stacks) -> None:
    """Every bucket is private and encrypted, every queue encrypted; production keeps its data."""
    for name, template in stacks.items():
        for bucket in template.resources("AWS::S3::Bucket"):
            assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
            assert bucket["Properties"]["BucketEncryption"]
            if environment.production and name in ("Recordings", "Models"):
                assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == KEPT
        for queue in template.properties("AWS::SQS::Queue"):
            assert ("KmsMasterKeyId" in queue) == environment.customer_key
            assert queue.get("SqsManagedSseEnabled", False) != environment.customer_key


def own_key_encrypts_what_it_can(environment: Environment, stacks: Stacks) -> None:
    """Calls, messages, alarms, logs and API keys, if it was chosen; S3 delivers access logs with its own keys only."""
    keys = stacks["Recordings"].properties("AWS::KMS::Key")
    assert [key["EnableKeyRotation"] for key in keys] == [True] * environment.customer_key
    for name, template in stacks.items():
        encrypted = {
            *(("KmsKeyId", str(group.get("KmsKeyId"))) for group in template.properties("AWS::Logs::LogGroup")),
            *(
                ("KmsKeyId", str(secret.get("KmsKeyId")))
                for secret in template.properties("AWS::SecretsManager::Secret")
            ),
        }
        for bucket in template.properties("AWS::S3::Bucket"):
            (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            if rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms":
                assert rule["BucketKeyEnabled"]
                encrypted.add(("Bucket", str(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"])))
        if environment.customer_key:
            assert "None" not in {key for _, key in encrypted}, name
            # One key: that of the stack that makes it, or the parameter that it published.
            assert len({key for _, key in encrypted}) <= 1, name
        else:
            assert {key for _, key in encrypted} <= {"None"}, name
    logged = {
        json.dumps(bucket["LoggingConfiguration"]["DestinationBucketName"])
        for bucket in stacks["Recordings"].properties("AWS::S3::Bucket")
        if "LoggingConfiguration" in bucket
    }
    plain = [
        json.dumps({"Ref": name})
        for name, resource in stacks["Recordings"].body["Resources"].items()
        if resource["Type"] == "AWS::S3::Bucket" and "aws:kms" not in json.dumps(resource["Properties"])
    ]
    assert logged <= set(plain)
    assert len(plain) == (1 if environment.customer_key else 3)


def resources_have_the_tags(environment: Environment, stacks: Stacks) -> None:
    """Those of the stacks and those of the account's own, for cost reports and access by tags."""
    for bucket in stacks["Recordings"].properties("AWS::S3::Bucket"):
        assert environment.tags.items() <= {tag["Key"]: tag["Value"] for tag in bucket["Tags"]}.items()
    assert set(map(str, environment.extra_tags)) <= {f"{key}={value}" for key, value in environment.tags.items()}


def recordings_are_announced_as_filtered(environment: Environment, stacks: Stacks) -> None:
    """EventBridge's rule and the workers' settings have the same filter."""
    patterns = environment.week_settings.key_filter.patterns
    detail = stacks["Recordings"].only("AWS::Events::Rule")["EventPattern"]["detail"]
    assert detail.get("object", {}).get("key", []) == patterns
    (worker,) = stacks["Batch"].only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    variables = {pair["Name"]: pair.get("Value", "") for pair in worker["Environment"]}
    assert variables["WHISPER_RECORDING_PREFIXES"] == environment.settings.recording_prefixes
    assert variables["WHISPER_RECORDING_SUFFIXES"] == environment.settings.recording_suffixes


def webhooks_are_sent_as_chosen(environment: Environment, stacks: Stacks) -> None:
    """With a queue, its dead letters and a secret of their own, which the API knows and nothing else does."""
    (container,) = stacks["Api"].only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    variables = {pair["Name"]: pair.get("Value", "") for pair in container["Environment"]}
    chosen = environment.api.webhooks
    assert bool(variables["WHISPER_WEBHOOK_QUEUE_URL"]) == bool(variables["WHISPER_WEBHOOK_SECRET"]) == chosen
    assert len(stacks["Api"].resources("AWS::SQS::Queue")) == 2 * chosen
    assert len(stacks["Api"].resources("AWS::SecretsManager::Secret")) == environment.api.keys + chosen
    alarms = [alarm["AlarmDescription"] for alarm in stacks["Monitoring"].properties("AWS::CloudWatch::Alarm")]
    assert sum("webhooks.md" in text for text in alarms) == 2 * chosen


def other_accounts_only_upload(environment: Environment, stacks: Stacks) -> None:
    """A principal of another account may put objects under its prefix, and no one else of another account may do anything."""
    allowed = [
        statement
        for statement in statements(stacks["Recordings"])
        if statement["Effect"] == "Allow" and "AWS" in statement["Principal"]
    ]
    assert len(allowed) == len(environment.writers)
    for statement, writer in zip(allowed, environment.writers, strict=True):
        assert f"iam::{writer.account}:root" in str(statement["Principal"])
        assert set(listed(statement["Action"])) == {"s3:PutObject", "s3:AbortMultipartUpload"}
        assert str(statement["Resource"]["Fn::Join"][1][-1]) == f"/{writer.prefix}*"
        assert statement.get("Condition", {}) == (
            {"ArnEquals": {"aws:PrincipalArn": writer.person}} if writer.person else {}
        )


def alarms_reach_their_subscribers(environment: Environment, stacks: Stacks) -> None:
    """The mail address always, an endpoint and a channel if they were chosen."""
    subscriptions = [s["Protocol"] for s in stacks["Monitoring"].properties("AWS::SNS::Subscription")]
    assert sorted(subscriptions) == ["email", *(["https"] if environment.alarms.endpoint else [])]
    channels = [kind for kind in stacks["Monitoring"].kinds() if kind.startswith("AWS::Chatbot::")]
    assert len(channels) == (environment.alarms.chat is not None)


def failed_create_leaves_no_data_store(_: Environment, stacks: Stacks) -> None:
    """What outlives its stack does not outlive a create that is rolled back: the next one would make a second one."""
    for template in stacks.values():
        for resource in template.body["Resources"].values():
            if resource["Type"] in STATEFUL:
                assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) in (KEPT, ("Delete", "Delete"))


def no_version_outlives_its_days(environment: Environment, stacks: Stacks) -> None:
    """Expiration starts the period of old versions, so both periods together keep the promise for each kind of data."""
    promised = Counter((environment.recording_days, environment.transcript_days, environment.access_log_days))
    rules = [
        rule
        for bucket in stacks["Recordings"].properties("AWS::S3::Bucket")
        for rule in bucket["LifecycleConfiguration"]["Rules"]
    ]
    periods = [(rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) for rule in rules]
    # Up to a day is lost by S3's rounding to midnight.
    assert Counter(current + old + 1 for current, old in periods) == promised


def failed_recordings_are_kept_aside(environment: Environment, stacks: Stacks) -> None:
    """A message moves to the dead-letter queue after the chosen attempts, and is kept longer there."""
    queues = stacks["Recordings"].properties("AWS::SQS::Queue")
    (queue,) = [queue for queue in queues if "RedrivePolicy" in queue]
    (dead,) = [queue for queue in queues if "RedrivePolicy" not in queue]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == environment.max_receives
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def checks_run_as_often_as_chosen(environment: Environment, stacks: Stacks) -> None:
    """Golden calls and comparisons, each at so many hours of the day; with the image and the confinement of the services."""
    expressions = [found["ScheduleExpression"] for found in stacks["Watch"].properties("AWS::Scheduler::Schedule")]
    hours = sorted(expression.split()[1].count(",") + 1 for expression in expressions)
    plan = environment.watch
    assert hours == sorted((24 // plan.canary_hours, 24 // plan.reconcile_hours))
    for task in stacks["Watch"].properties("AWS::ECS::TaskDefinition"):
        assert task["RuntimePlatform"]["CpuArchitecture"] == environment.processor
        for container in task["ContainerDefinitions"]:
            assert container["ReadonlyRootFilesystem"]
            assert container["User"] == "65534:65534"


def traces_go_where_chosen(environment: Environment, stacks: Stacks) -> None:
    """API and workers are told the collector, and reach its port; without one, they reach HTTPS only."""
    port, endpoint = environment.traces.port, environment.traces.endpoint
    for stack in ("Api", "Batch"):
        (container,) = stacks[stack].only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
        told = {pair["Name"]: pair["Value"] for pair in container["Environment"]}
        assert told.get(OTLP_ENDPOINT_VARIABLE, "") == endpoint
        groups = [g for g in stacks[stack].properties("AWS::EC2::SecurityGroup") if "Firewall" in g["GroupDescription"]]
        for group in groups:
            assert {rule["FromPort"] for rule in group["SecurityGroupEgress"]} == {443, port or 443}


def no_role_may_do_everything(_: Environment, stacks: Stacks) -> None:
    """No statement allows every action, of all services or of one."""
    for template in stacks.values():
        for statement in statements(template):
            if statement["Effect"] == "Allow":
                assert not [a for a in listed(statement["Action"]) if a == "*" or a.endswith(":*")]


def services(stacks: Stacks) -> list[dict[str, Any]]:
    """The services of the API, of the workers and of their relief."""
    return [service for name in ("Api", "Batch") for service in stacks[name].properties("AWS::ECS::Service")]


PROMISES: tuple[Callable[[Environment, Stacks], None], ...] = (
    environment_has_its_stacks,
    tasks_leave_as_chosen,
    tasks_run_in_the_chosen_cluster,
    requests_are_filtered_as_chosen,
    listeners_are_as_chosen,
    nothing_is_let_in_from_everywhere,
    requests_are_routed_as_chosen,
    failed_deployments_are_rolled_back,
    tasks_have_the_size_that_is_given_or_chosen,
    tasks_run_on_the_chosen_processor,
    tasks_are_confined,
    fleets_follow_the_workload,
    data_is_kept_private,
    failed_create_leaves_no_data_store,
    no_version_outlives_its_days,
    failed_recordings_are_kept_aside,
    checks_run_as_often_as_chosen,
    traces_go_where_chosen,
    no_role_may_do_everything,
    own_key_encrypts_what_it_can,
    resources_have_the_tags,
    recordings_are_announced_as_filtered,
    webhooks_are_sent_as_chosen,
    other_accounts_only_upload,
    alarms_reach_their_subscribers,
)
