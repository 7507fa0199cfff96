"""What the delivery stack promises."""

from collections.abc import Mapping
from typing import Any

import pytest

from stacks.environments import Environment
from tests.stacks.synthesis import Template, listed, statements


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The delivery stack of each environment."""
    return templates[f"{environment.name}/Delivery"]


def stages(template: Template) -> dict[str, dict[str, Any]]:
    """The one action of each stage."""
    return {stage["Name"]: stage["Actions"][0] for stage in template.only("AWS::CodePipeline::Pipeline")["Stages"]}


def test_commit_is_built_then_deployed(template: Template, environment: Environment) -> None:
    """Source, image, environment, in this order, from the environment's branch."""
    assert list(stages(template)) == ["Source", "Build", "Deploy"]
    assert stages(template)["Source"]["Configuration"]["BranchName"] == environment.branch


def test_digest_that_was_built_is_the_one_deployed(template: Template, environment: Environment) -> None:
    """The deploy names the image by what the build pushed, not by a tag."""
    assert "#{Built.IMAGE_DIGEST}" in stages(template)["Deploy"]["Configuration"]["EnvironmentVariables"]
    projects = str(template.properties("AWS::CodeBuild::Project"))
    assert "exported-variables:" in projects
    for stack in ("Api", "Batch"):
        assert f"--parameters whisper-{environment.name}-{stack}:ImageDigest=$IMAGE_DIGEST" in projects


def test_source_is_what_the_account_names(template: Template, environment: Environment) -> None:
    """Connection and repository are the account's; a deploy without them is refused by name."""
    defaults = {parameter.get("Default") for parameter in template.body["Parameters"].values()}
    assert f"/whisper/{environment.name}/source-connection-arn" in defaults
    assert f"/whisper/{environment.name}/source-repository" in defaults


def test_pipeline_may_use_the_connection_under_both_of_its_names(template: Template) -> None:
    """AWS renamed the service; which permission counts depends on when the connection was made."""
    used = [
        action
        for statement in statements(template)
        for action in listed(statement["Action"])
        if action.endswith(":UseConnection")
    ]
    assert sorted(used) == ["codeconnections:UseConnection", "codestar-connections:UseConnection"]


def test_deploying_project_may_only_take_the_roles_made_for_it(template: Template) -> None:
    """The pipeline holds no rights over what it deploys: it takes those of `cdk bootstrap`, by their names."""
    taken = [
        listed(statement["Resource"])
        for properties in template.properties("AWS::IAM::Policy")
        if "DeployRole" in properties["Roles"][0]["Ref"] and "Project" not in properties["Roles"][0]["Ref"]
        for statement in properties["PolicyDocument"]["Statement"]
        if statement["Action"] == "sts:AssumeRole"
    ]
    names = [str(resource) for resources in taken for resource in resources]
    assert len(names) == 3
    assert all("role/cdk-hnb659fds-" in name for name in names)


def test_only_the_image_build_is_privileged(template: Template) -> None:
    """Docker needs the right to build; the project with the right to deploy does without."""
    privileged = [p["Environment"]["PrivilegedMode"] for p in template.properties("AWS::CodeBuild::Project")]
    assert sorted(privileged) == [False, True]


def test_artifacts_are_private_and_short_lived(template: Template) -> None:
    """A copy of the source does not stay around."""
    bucket = template.only("AWS::S3::Bucket")
    assert bucket["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is True
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 30
