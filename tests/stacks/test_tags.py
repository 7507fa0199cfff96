"""Every resource that supports tags has those of the environment."""

from collections.abc import Mapping
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from stacks.environments import Environment, NetworkPlan
from tests.stacks.synthesis import Template

# The library's function that closes the default security group: the library does not tag it, and it costs nothing.
UNTAGGED = {
    "CustomVpcRestrictDefaultSGCustomResourceProviderRole",
    "CustomVpcRestrictDefaultSGCustomResourceProviderHandler",
}


def tag_property(kind: str) -> str | None:
    """The property for the tags of a resource type, from CloudFormation's schema; None if it has no tags."""
    if kind.startswith("Custom::"):
        return None
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    tagging = schema.get("tagging", {})
    name = str(tagging.get("tagProperty", "/properties/Tags")).rpartition("/")[2]
    return name if tagging.get("taggable", True) and name in schema["properties"] else None


def tags(value: Any) -> dict[str, str]:
    """Tags of a resource, from either of CloudFormation's two forms."""
    return value if isinstance(value, dict) else {tag["Key"]: tag["Value"] for tag in value or ()}


def test_everything_taggable_is_tagged(templates: Mapping[str, Template], environment: Environment) -> None:
    """Application, environment and cost centre are on every resource, so that costs can be split by them."""
    wanted = environment.tags
    assert {"application", "environment", "cost-centre"} <= set(wanted)
    untagged, tagged = set(), 0
    for name, template in templates.items():
        if name.startswith(f"{environment.name}/"):
            for logical_id, resource in template.body["Resources"].items():
                if holder := tag_property(resource["Type"]):
                    complete = wanted.items() <= tags(resource.get("Properties", {}).get(holder)).items()
                    untagged |= set() if complete else {logical_id[:-8]}
                    tagged += complete
    assert untagged == (UNTAGGED if isinstance(environment.network, NetworkPlan) else set())
    assert tagged > 50


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::SSM::Parameter", "AWS::ECS::Service"])
def test_schema_names_the_tag_property(kind: str) -> None:
    """The test above would check nothing if the schemas did not describe tags."""
    assert tag_property(kind) == "Tags"


def test_tasks_inherit_the_tags_of_their_service(templates: Mapping[str, Template], environment: Environment) -> None:
    """Tasks cause most of the costs, and tags are not propagated by default."""
    for stack in ("Api", "Batch"):
        services = templates[f"{environment.name}/{stack}"].properties("AWS::ECS::Service")
        assert {service["PropagateTags"] for service in services} == {"SERVICE"}
