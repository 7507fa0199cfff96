"""Promises of the tasks of both services, and the contract between stacks and service."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from service.settings import Settings, variable
from stacks.environments import Environment, Weights
from tests.stacks.synthesis import Template


@pytest.fixture(params=["Api", "Batch"])
def template(request: pytest.FixtureRequest, templates: Mapping[str, Template], environment: Environment) -> Template:
    """Each stack with tasks, of each environment."""
    return templates[f"{environment.name}/{request.param}"]


@pytest.fixture
def container(template: Template) -> dict[str, Any]:
    """The one container of the task."""
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert isinstance(container, dict)
    return container


def test_every_variable_of_a_task_is_one_the_service_reads(container: dict[str, Any]) -> None:
    """Infrastructure and service cannot drift: the container's environment is exactly the service's settings."""
    names = [pair["Name"] for pair in container["Environment"]]
    assert sorted(names) == sorted(variable(f.name) for f in fields(Settings) if "secret" not in f.metadata)


def test_secrets_of_a_task_are_references_that_the_service_reads(
    container: dict[str, Any], environment: Environment
) -> None:
    """ECS fetches secrets when a task starts; a template contains none."""
    names = {secret["Name"] for secret in container.get("Secrets", [])}
    assert names <= {variable(f.name) for f in fields(Settings) if "secret" in f.metadata}
    assert names == ({"WHISPER_API_KEYS"} if container["Command"] == ["api"] and environment.api.keys else set())


def test_service_accepts_the_environment_variables_of_a_task(
    container: dict[str, Any], environment: Environment
) -> None:
    """The service parses the variables of the template, with texts for the values that AWS fills in."""
    environ = {
        pair["Name"]: pair["Value"] if isinstance(pair["Value"], str) else "filled-in-by-aws"
        for pair in container["Environment"]
    }
    settings = Settings.from_environ(environ)
    if environment.weights is Weights.IMAGE:
        assert settings.model == environment.settings.model
    assert settings.environment == environment.name
    assert settings.dollars_per_hour > 0


def test_task_is_unprivileged_with_a_read_only_root(
    container: dict[str, Any], template: Template, environment: Environment
) -> None:
    """An attacker in the container has neither root nor capabilities, and can write to /tmp only.

    If people may open a shell, the root is writable: the agent of ECS Exec needs that.
    """
    assert container["User"].split(":") == ["65534", "65534"]
    assert container["ReadonlyRootFilesystem"] is not environment.ecs_exec
    assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert not container.get("Privileged")
    (mount,) = [mount for mount in container["MountPoints"] if not mount["ReadOnly"]]
    assert mount["ContainerPath"] == "/tmp"
    (volume,) = [v for v in template.only("AWS::ECS::TaskDefinition")["Volumes"] if v["Name"] == mount["SourceVolume"]]
    assert "EFSVolumeConfiguration" not in volume


def test_task_can_shut_down_gracefully(container: dict[str, Any], environment: Environment) -> None:
    """An init process forwards signals, and the stop timeout is that of the settings."""
    assert container["LinuxParameters"]["InitProcessEnabled"] is True
    assert container["StopTimeout"] == environment.settings.stop_timeout_seconds


def test_task_runs_a_verb_of_the_service(container: dict[str, Any]) -> None:
    """The image's entry point is the service; the command is its verb."""
    assert container["Command"] in (["api"], ["worker"])
    assert "EntryPoint" not in container


def test_image_is_named_by_digest_at_deploy_time(container: dict[str, Any], template: Template) -> None:
    """A deployment without a valid digest fails and names the parameter."""
    parameter = template.body["Parameters"]["ImageDigest"]
    assert parameter["AllowedPattern"] == "^sha256:[0-9a-f]{64}$"
    assert "Default" not in parameter
    assert container["Image"]["Fn::Join"][1][-2:] == ["@", {"Ref": "ImageDigest"}]


def test_running_tasks_allow_a_shell_only_if_the_environment_does(
    container: dict[str, Any], template: Template, environment: Environment
) -> None:
    """A shell in a task could read recordings: production refuses the choice, and workers have none in any case."""
    allowed = environment.ecs_exec and container["Command"] == ["api"]
    assert {bool(s.get("EnableExecuteCommand")) for s in template.properties("AWS::ECS::Service")} == {allowed}


def test_tasks_let_nothing_in_and_only_https_out(template: Template) -> None:
    """The security group of the tasks has no ingress rule; the load balancer adds the only one."""
    (group,) = [g for g in template.properties("AWS::EC2::SecurityGroup") if "Firewall" in g["GroupDescription"]]
    assert "SecurityGroupIngress" not in group
    assert [(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [
        ("tcp", 443, 443)
    ]


def test_logs_expire(templates: Mapping[str, Template], environment: Environment) -> None:
    """Every log group of an environment has a retention."""
    groups = [
        group
        for name, template in templates.items()
        if name.startswith(f"{environment.name}/")
        for group in template.properties("AWS::Logs::LogGroup")
    ]
    # Flow logs, API, workers and two checks; each pipeline; the gate; the workers of a backfill.
    releases = environment.releases
    more = (environment.commits, releases, releases and releases.gate, environment.backfill)
    assert len(groups) == 5 + sum(map(bool, more))
    assert all(group["RetentionInDays"] for group in groups)


def test_log_delivery_does_not_block_transcription(container: dict[str, Any]) -> None:
    """Log lines are dropped if they cannot be delivered."""
    logging = container["LogConfiguration"]
    assert (logging["LogDriver"], logging["Options"]["mode"]) == ("awslogs", "non-blocking")


def test_task_may_pull_its_image_before_it_starts(template: Template) -> None:
    """The service depends on the execution role's policy; otherwise a first deployment may fail."""
    for service in template.resources("AWS::ECS::Service"):
        assert [name for name in service["DependsOn"] if "ExecutionRoleDefaultPolicy" in name]
