"""What the tests read in the templates of pipelines."""

import json
from collections.abc import Mapping
from typing import Any

from tests.stacks.synthesis import Template, listed

PIPELINE, PROJECT, ROLE = "AWS::CodePipeline::Pipeline", "AWS::CodeBuild::Project", "AWS::IAM::Role"


def stages(template: Template) -> dict[str, list[dict[str, Any]]]:
    """Actions of each stage, by its name."""
    return {stage["Name"]: stage["Actions"] for stage in template.only(PIPELINE)["Stages"]}


def order(template: Template) -> list[str]:
    """Every action in the order of a run, as `Stage.Action`."""
    return [
        f"{name}.{action['Name']}"
        for name, actions in stages(template).items()
        for action in sorted(actions, key=lambda action: int(action["RunOrder"]))
    ]


def variables(action: Mapping[str, Any]) -> dict[str, str]:
    """Environment variables that an action passes to its project."""
    pairs = json.loads(action["Configuration"].get("EnvironmentVariables", "[]"))
    return {pair["name"]: pair["value"] for pair in pairs}


def project(template: Template, action: Mapping[str, Any]) -> dict[str, Any]:
    """The project that an action runs."""
    name = action["Configuration"]["ProjectName"]["Ref"]
    properties: dict[str, Any] = template.body["Resources"][name]["Properties"]
    return properties


def commands(properties: Mapping[str, Any]) -> list[str]:
    """Commands in the build phase of a project."""
    text = str(properties["Source"]["BuildSpec"])
    return [line.strip().removeprefix("- ") for line in text.partition("build:")[2].partition("cache:")[0].splitlines()]


def rights(template: Template, role: str) -> list[tuple[str, str]]:
    """Each allowed action with each of its resources, for the role whose logical id begins with `role`."""
    return [
        (action, json.dumps(resource))
        for properties in template.properties("AWS::IAM::Policy")
        if properties["Roles"][0].get("Ref", "").startswith(role)
        for statement in properties["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def trust(template: Template, role: str) -> dict[str, Any]:
    """The one statement by which the role whose logical id begins with `role` is taken."""
    (found,) = [
        resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        for name, resource in template.body["Resources"].items()
        if resource["Type"] == ROLE and name.startswith(role) and "DefaultPolicy" not in name
    ]
    (statement,) = found
    return dict(statement)
