"""The build specifications, run by a shell as CodeBuild runs them."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checkout import checkout
from tests.delivery.cloud import NEW, Cloud
from tests.stacks.synthesis import Template

COMMIT = "1" * 40


@pytest.fixture(scope="module")
def projects(line: Mapping[str, Template]) -> Mapping[str, dict[str, Any]]:
    """The projects of both pipelines, by the beginning of their names."""
    return {
        name[:-8]: resource["Properties"]
        for template in (line["forge/Delivery"], line["trial/Releases"])
        for name, resource in template.body["Resources"].items()
        if resource["Type"] == "AWS::CodeBuild::Project"
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a build finds it, with the environments of the release line as its values."""
    values = "from tests.stacks.factory import LINE\n\n\ndef environments():\n    return LINE\n"
    return checkout(tmp_path_factory.mktemp("source"), values)


def run(
    cloud: Cloud, source: Path, project: Mapping[str, Any], folder: Path, **variables: str
) -> tuple[int, dict[str, str]]:
    """The build phase of a project in one shell: its exit code, and the variables it exports."""
    steps = yaml.safe_load(project["Source"]["BuildSpec"])
    exported = steps["env"]["exported-variables"]
    out = folder / "exported"
    script = [
        *steps["phases"]["build"]["commands"],
        *(f'printf "%s=%s\\n" {name} "${{{name}}}" >> {out}' for name in exported),
    ]
    # The shell of CodeBuild ends a phase at the first command that fails.
    result = subprocess.run(
        ["bash", "-e", "-c", "\n".join(script)], cwd=source, env={**cloud.environ, **variables}, check=False
    )
    lines = out.read_text().splitlines() if out.exists() else []
    return result.returncode, dict(line.split("=", 1) for line in lines)


def test_every_specification_installs_from_the_locks_first(projects: Mapping[str, dict[str, Any]]) -> None:
    """In bash, with the languages that CodeBuild has; all tools for the tests, and else what a step needs."""
    assert len(projects) == 7
    for name, project in projects.items():
        steps = yaml.safe_load(project["Source"]["BuildSpec"])
        target = "install" if name == "CiTest" else "install-delivery"
        assert steps["phases"]["install"] == {"runtime-versions": {"python": "3.12"}, "commands": [f"make {target}"]}
        assert steps["env"]["shell"] == "bash"


def test_build_exports_the_digest_of_what_it_pushed(
    cloud: Cloud, source: Path, projects: Mapping[str, dict[str, Any]], tmp_path: Path
) -> None:
    """The deploy's variable comes out of the build's shell."""
    code, exported = run(cloud, source, projects["CiBuild"], tmp_path, CODEBUILD_RESOLVED_SOURCE_VERSION=COMMIT)
    found = cloud.client("ecr").describe_images(
        repositoryName=cloud.repository("forge"), imageIds=[{"imageTag": COMMIT}]
    )
    assert (code, exported) == (0, {"IMAGE_DIGEST": found["imageDetails"][0]["imageDigest"]})


def test_failed_build_exports_nothing_and_fails(
    cloud: Cloud, source: Path, projects: Mapping[str, dict[str, Any]], tmp_path: Path
) -> None:
    """The assignment does not hide the exit code of its command."""
    commit = "2" * 40
    code, exported = run(
        cloud, source, projects["CiBuild"], tmp_path, CODEBUILD_RESOLVED_SOURCE_VERSION=commit, DOCKER_FAILS="1"
    )
    assert code != 0
    assert exported == {}


def test_promotion_carries_the_digest_that_it_is_given(
    cloud: Cloud, source: Path, projects: Mapping[str, dict[str, Any]], tmp_path: Path
) -> None:
    """Step, environment, commit and digest reach the program in their order; a digest unknown fails the build."""
    commit = "3" * 40
    digest = cloud.push("forge", commit)
    given = {"STEP": "promote", "CODEBUILD_RESOLVED_SOURCE_VERSION": commit}
    assert run(cloud, source, projects["ReleaseTrial"], tmp_path, IMAGE_DIGEST=digest, **given) == (
        0,
        {"IMAGE_DIGEST": digest},
    )
    (tmp_path / "exported").unlink()
    assert run(cloud, source, projects["ReleaseTrial"], tmp_path, IMAGE_DIGEST=NEW, **given) == (1, {})
