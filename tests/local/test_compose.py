"""The compose file gives a container the rights and limits of a task of the local environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.container import COMPOSE
from service.settings import Settings
from tests.stacks.synthesis import Template

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]


@pytest.mark.parametrize(("service", "stack"), [("api", "Api"), ("worker", "Batch")])
def test_compose_is_the_task(templates: Mapping[str, Template], service: str, stack: str) -> None:
    """Command, user, rights and limits are the synthesized ones."""
    task = templates[f"local/{stack}"].only("AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    composed = SERVICES[service]
    assert composed["command"] == container["Command"]
    assert composed["user"] == container["User"]
    assert composed["read_only"] == container["ReadonlyRootFilesystem"]
    assert composed["volumes"] == [mount["ContainerPath"] for mount in container["MountPoints"]]
    assert composed["cap_drop"] == container["LinuxParameters"]["Capabilities"]["Drop"]
    assert composed["init"] == container["LinuxParameters"]["InitProcessEnabled"]
    assert composed["stop_grace_period"] == f"{container['StopTimeout']}s"
    assert composed["cpus"] * 1024 == int(task["Cpu"])
    assert composed["mem_limit"] == f"{int(task['Memory']) // 1024}g"


def test_health_check_is_the_tasks(templates: Mapping[str, Template]) -> None:
    """The API has the task's health check."""
    (container,) = templates["local/Api"].only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert SERVICES["api"]["healthcheck"]["test"] == container["HealthCheck"]["Command"]
    assert "healthcheck" not in SERVICES["worker"]


def test_api_is_published_to_this_machine_alone() -> None:
    """A developer who tries the API does not expose it to the network."""
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:{Settings().port}:{Settings().port}"]


def test_both_services_are_built_from_the_dockerfile() -> None:
    """From the repository's root, as in the pipeline."""
    for composed in SERVICES.values():
        context = (COMPOSE.parent / composed["build"]["context"]).resolve()
        assert (context / composed["build"]["dockerfile"]).is_file()
        assert context == Path(__file__).parents[2]
