"""Promises of the API stack."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from service.contract import READY_PATH
from service.http.health import TIMEOUT_SECONDS
from service.settings import Settings
from stacks.environments import Environment, Retention, Strategy
from tests.stacks.api.resources import attributes, targets
from tests.stacks.factory import FORGE
from tests.stacks.synthesis import Template, listed, synthesize

CERTIFICATE = "AWS::CertificateManager::Certificate"


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The API stack of each environment."""
    return templates[f"{environment.name}/Api"]


def test_load_balancer_is_internal(template: Template) -> None:
    """The internet cannot reach the API."""
    assert template.only("AWS::ElasticLoadBalancingV2::LoadBalancer")["Scheme"] == "internal"


def test_nothing_is_let_in_from_everywhere(template: Template) -> None:
    """Rules name the network, clients or another security group, never all addresses."""
    groups = template.properties("AWS::EC2::SecurityGroup")
    rules = [rule for group in groups for rule in group.get("SecurityGroupIngress", [])]
    rules += template.properties("AWS::EC2::SecurityGroupIngress")
    assert rules
    assert not [rule for rule in rules if rule.get("CidrIp") == "0.0.0.0/0" or "CidrIpv6" in rule]


def test_listed_clients_reach_every_listener_and_no_other_does(template: Template, environment: Environment) -> None:
    """Rules admit the environment's network and its clients, on the ports of the listener and of the redirect."""
    ports = {443, 80} if environment.tls else {80}
    balancer, _ = sorted(
        template.properties("AWS::EC2::SecurityGroup"), key=lambda g: "Firewall" in g["GroupDescription"]
    )
    rules = {(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in balancer["SecurityGroupIngress"]}
    assert rules == {(cidr, port, port) for cidr in environment.network.admitted for port in ports}


def test_tls_is_used_if_the_environment_asks_for_it(template: Template, environment: Environment) -> None:
    """A current TLS policy and the chosen or the account's certificate serve HTTPS; plain HTTP is redirected."""
    listeners = {
        listener["Port"]: listener for listener in template.properties("AWS::ElasticLoadBalancingV2::Listener")
    }
    if not environment.tls:
        assert [(port, listener["Protocol"]) for port, listener in listeners.items()] == [(80, "HTTP")]
        return
    assert listeners[443]["Protocol"] == "HTTPS"
    assert listeners[443]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    (certificate,) = listeners[443]["Certificates"]
    if environment.api.issue_certificate:
        assert template.body["Resources"][certificate["CertificateArn"]["Ref"]]["Type"] == CERTIFICATE
    elif arn := environment.api.certificate_arn:
        assert certificate["CertificateArn"] == arn
    else:
        assert template.body["Parameters"][certificate["CertificateArn"]["Ref"]] == {
            "Type": "AWS::SSM::Parameter::Value<String>",
            "Default": environment.parameter("certificate-arn"),
        }
    (redirect,) = listeners[80]["DefaultActions"]
    assert redirect["RedirectConfig"] == {"Port": "443", "Protocol": "HTTPS", "StatusCode": "HTTP_301"}


def test_every_request_is_logged_in_a_private_bucket(template: Template, environment: Environment) -> None:
    """Access logs are encrypted with S3-managed keys, the only kind that load balancers support."""
    balancer = attributes(template.only("AWS::ElasticLoadBalancingV2::LoadBalancer"), "LoadBalancerAttributes")
    assert balancer["access_logs.s3.enabled"] == "true"
    bucket = template.only("AWS::S3::Bucket")
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == Retention.within(environment.access_log_days).current


def test_production_alone_keeps_its_load_balancer_and_its_keys(template: Template, environment: Environment) -> None:
    """Callers depend on both, so an accidental deletion of the stack must not delete them."""
    balancer = attributes(template.only("AWS::ElasticLoadBalancingV2::LoadBalancer"), "LoadBalancerAttributes")
    assert balancer["deletion_protection.enabled"] == ("true" if environment.production else "false")
    for secret in template.resources("AWS::SecretsManager::Secret"):
        assert secret["DeletionPolicy"] == ("RetainExceptOnCreate" if environment.production else "Delete")


def test_connections_outlast_requests(template: Template, environment: Environment) -> None:
    """The load balancer waits longer than a call is silent, gateways longer still; a stopping task finishes its calls."""
    settings = environment.api_settings
    balancer = attributes(template.only("AWS::ElasticLoadBalancingV2::LoadBalancer"), "LoadBalancerAttributes")
    assert settings.silence_seconds < int(balancer["idle_timeout.timeout_seconds"]) < 350
    for properties in template.properties("AWS::ElasticLoadBalancingV2::TargetGroup"):
        group = attributes(properties, "TargetGroupAttributes")
        assert int(group["deregistration_delay.timeout_seconds"]) == settings.api_deadline_seconds <= 900


def test_requests_go_to_ready_tasks(template: Template, environment: Environment) -> None:
    """A task gets requests once its model is loaded; it is replaced only after a minute of failed checks."""
    for group in template.properties("AWS::ElasticLoadBalancingV2::TargetGroup"):
        assert group["HealthCheckPath"] == READY_PATH
        assert group["HealthCheckIntervalSeconds"] * group["UnhealthyThresholdCount"] >= 60
        assert group["Port"] == environment.settings.port


def test_invalid_headers_are_dropped(template: Template) -> None:
    """The load balancer does not forward headers that are not valid HTTP."""
    balancer = template.only("AWS::ElasticLoadBalancingV2::LoadBalancer")
    dropped = attributes(balancer, "LoadBalancerAttributes")["routing.http.drop_invalid_header_fields.enabled"]
    assert dropped == "true"


def test_failed_deployment_is_rolled_back(template: Template) -> None:
    """It fails if tasks do not become ready or answer with errors; old tasks serve until then."""
    deployment = template.only("AWS::ECS::Service")["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)
    (name,) = deployment["Alarms"].pop("AlarmNames")
    assert deployment["Alarms"] == {"Enable": True, "Rollback": True}
    alarm = template.body["Resources"][name["Ref"]]["Properties"]
    metrics = {query["MetricStat"]["Metric"]["MetricName"] for query in alarm["Metrics"] if "MetricStat" in query}
    assert metrics == {"HTTPCode_Target_5XX_Count", "RequestCount"}
    # One fifth of the requests, in two of three minutes.
    assert (alarm["Threshold"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (0.2, 2, 3)


def test_tasks_are_replaced_as_chosen(template: Template, environment: Environment) -> None:
    """Task by task, or all at once beside the old ones, which needs a second target group."""
    blue_green = environment.api.strategy is Strategy.BLUE_GREEN
    deployment = template.only("AWS::ECS::Service")["DeploymentConfiguration"]
    assert deployment["Strategy"] == ("BLUE_GREEN" if blue_green else "ROLLING")
    assert len(template.resources("AWS::ElasticLoadBalancingV2::TargetGroup")) == (2 if blue_green else 1)


def test_requests_are_never_served_by_spot(template: Template) -> None:
    """A Spot interruption would cost callers their responses."""
    strategy = template.only("AWS::ECS::Service")["CapacityProviderStrategy"]
    assert [item["CapacityProvider"] for item in strategy] == ["FARGATE"]


def test_deployment_does_not_set_the_number_of_tasks(template: Template) -> None:
    """Only scaling decides how many tasks run."""
    assert "DesiredCount" not in template.only("AWS::ECS::Service")


def test_fleet_limits_come_from_the_workload(template: Template, environment: Environment) -> None:
    """The plan sets how far the API may grow."""
    target = template.only("AWS::ApplicationAutoScaling::ScalableTarget")
    plan = environment.plan
    assert (target["MinCapacity"], target["MaxCapacity"]) == (plan.api_min_tasks, plan.api_max_tasks)


def test_scaling_follows_requests_and_cpu_with_one_headroom(template: Template, environment: Environment) -> None:
    """One policy for each metric, so that policies do not conflict; both leave the same headroom."""
    *by_requests, (cpu, percent) = targets(template)
    assert cpu == "ECSServiceAverageCPUUtilization"
    assert percent * (1 + environment.api.headroom) == pytest.approx(100, abs=1)
    # A blue/green deployment moves the requests to another group, whose count would look like none.
    assert bool(by_requests) == (environment.api.strategy is Strategy.ROLLING)
    for requests, per_minute in by_requests:
        assert requests == "ALBRequestCountPerTarget"
        assert per_minute == pytest.approx(environment.plan.api_requests_per_task_per_minute, rel=0.01)
        assert per_minute > 0


def test_workload_of_longer_calls_lowers_the_requests_per_task(tmp_path: Path) -> None:
    """If calls take twice as long, a task handles half as many per minute."""
    workload = replace(FORGE.workload, talk_minutes_per_call=2 * FORGE.workload.talk_minutes_per_call)
    longer = synthesize([replace(FORGE, workload=workload, on_demand_vcpus=32)], tmp_path)["forge/Api"]
    (_, per_minute), _ = targets(longer)
    assert per_minute == pytest.approx(FORGE.plan.api_requests_per_task_per_minute / 2, rel=0.01)


def test_nothing_runs_outside_office_hours(template: Template, environment: Environment) -> None:
    """Tasks start and stop with the office hours of an environment that has any, in its time zone."""
    hours, plan = environment.api.hours, environment.plan
    actions = template.only("AWS::ApplicationAutoScaling::ScalableTarget").get("ScheduledActions", [])
    limits = {action["Schedule"]: (action["Timezone"], *action["ScalableTargetAction"].values()) for action in actions}
    assert limits == (
        {
            cron(hours.start, hours.days): (hours.time_zone, plan.api_max_tasks, plan.api_min_tasks),
            cron(hours.end, hours.days): (hours.time_zone, 0, 0),
        }
        if hours
        else {}
    )


def cron(at: time, days: Sequence[str]) -> str:
    """A time on some days of the week, as Application Auto Scaling takes it."""
    return f"cron({at.minute} {at.hour} ? * {','.join(days)} *)"


def test_api_key_is_in_secrets_manager_only(template: Template, environment: Environment) -> None:
    """Secrets Manager generates the first key, and the task definition contains only a reference to it."""
    if not environment.api.keys:
        assert not template.resources("AWS::SecretsManager::Secret")
        return
    (name,) = [n for n, r in template.body["Resources"].items() if r["Type"] == "AWS::SecretsManager::Secret"]
    secret = template.only("AWS::SecretsManager::Secret")
    assert secret["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 40}
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert container["Secrets"] == [{"Name": "WHISPER_API_KEYS", "ValueFrom": {"Ref": name}}]


def test_running_tasks_read_the_keys_again_and_no_other_secret(template: Template, environment: Environment) -> None:
    """ECS hands the secret over at the start only; the service knows where it is and may read it."""
    if not environment.api.keys:
        return
    (name,) = [n for n, r in template.body["Resources"].items() if r["Type"] == "AWS::SecretsManager::Secret"]
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert {"Name": "WHISPER_API_KEYS_SECRET", "Value": {"Ref": name}} in container["Environment"]
    statements = [
        statement
        for policy in template.properties("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if "secretsmanager:GetSecretValue" in statement["Action"]
    ]
    # Of the execution role, and of the task.
    assert [statement["Resource"] for statement in statements] == [{"Ref": name}] * 2


def test_api_takes_addresses_from_its_load_balancer(environment: Environment) -> None:
    """Its limits are the callers', not those of the load balancer's own addresses."""
    assert environment.api_settings.proxies == 1
    assert environment.settings.proxies == 0


def test_service_accepts_a_generated_key() -> None:
    """Secrets Manager generates forty letters and digits."""
    assert [key.secrets for key in Settings(api_keys="aB3" * 13 + "x").access_keys] == [("aB3" * 13 + "x",)]


def test_container_that_does_not_respond_is_replaced(template: Template) -> None:
    """ECS runs the service's own health check, and gives the model time to load."""
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    check = container["HealthCheck"]
    assert check["Command"] == ["CMD", "python", "-m", "service", "health"]
    assert check["StartPeriod"] == template.only("AWS::ECS::Service")["HealthCheckGracePeriodSeconds"] == 300
    assert check["Timeout"] > TIMEOUT_SECONDS


def test_api_limits_recordings_to_those_it_can_transcribe_in_time(environment: Environment) -> None:
    """A recording that takes longer than the deadline is refused at once; it belongs in the bucket."""
    settings = environment.api_settings
    seconds = settings.max_audio_seconds / environment.plan.speed.audio_seconds_per_second
    assert seconds <= settings.api_deadline_seconds


def test_jobs_read_no_recording_and_write_their_own_uploads_only(template: Template, environment: Environment) -> None:
    """A link has the rights of the task: of recordings, it can give access to the folder of jobs, and to write there."""
    rights: dict[str, set[str]] = {}
    for policy in template.properties("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in listed(statement["Action"]):
                rights.setdefault(action, set()).update(map(str, listed(statement["Resource"])))
    uploads = f"/{environment.settings.job_folder}*"
    assert len(rights["s3:PutObject"]) == 2
    assert all(uploads in resource or "/jobs/*" in resource for resource in rights["s3:PutObject"])
    assert all(uploads in resource or "/jobs/*" in resource for resource in rights["s3:DeleteObjectVersion"])
    assert any("transcriptsbucket" in resource for resource in rights["s3:GetObject"])
    assert not any("recordingsbucket" in resource for resource in rights["s3:GetObject"])
    assert {action for action in rights if action.startswith("s3:Delete")} == {"s3:DeleteObjectVersion"}


def test_jobs_have_the_limits_of_the_workers(template: Template, environment: Environment) -> None:
    """The API's own are shorter; both buckets are named."""
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    found = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
    worker = environment.worker_settings(queue_url="", recordings_bucket="", transcripts_bucket="")
    assert int(found["WHISPER_WORKER_MAX_UPLOAD_BYTES"]) == worker.max_upload_bytes
    assert int(found["WHISPER_WORKER_MAX_AUDIO_SECONDS"]) == worker.max_audio_seconds
    assert int(found["WHISPER_WORKER_DEADLINE_SECONDS"]) == worker.job_deadline_seconds
    assert "Ref" in found["WHISPER_RECORDINGS_BUCKET"]
    assert "Ref" in found["WHISPER_TRANSCRIPTS_BUCKET"]
