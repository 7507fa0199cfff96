"""Environments compared with each other: dev, stage and prod differ by values only."""

from collections import Counter
from collections.abc import Mapping

import pytest

from tests.stacks.synthesis import STACKS, Template

# Resources that dev does without: a NAT gateway, and the listener that redirects plain HTTP to TLS.
SAVED = {
    "Network": {"AWS::EC2::EIP": 1, "AWS::EC2::NatGateway": 1, "AWS::EC2::Route": 2},
    "Api": {"AWS::ElasticLoadBalancingV2::Listener": 1},
}

STATEFUL = {"AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::ECR::Repository", "AWS::EFS::FileSystem"}
# Each environment has other pipelines; the tests of delivery check them.
ALIKE = tuple(stack for stack in STACKS if stack != "Delivery")


@pytest.mark.parametrize("stack", ALIKE)
def test_stage_and_prod_are_made_of_the_same_resources(templates: Mapping[str, Template], stack: str) -> None:
    """Stage tests the resources that run in prod."""
    assert templates[f"stage/{stack}"].kinds() == templates[f"prod/{stack}"].kinds()


@pytest.mark.parametrize("stack", ALIKE)
def test_dev_and_prod_are_made_of_the_same_resources_but_for_savings(
    templates: Mapping[str, Template], stack: str
) -> None:
    """Dev saves the NAT gateway and TLS, and has all other resources."""
    difference = Counter(templates[f"prod/{stack}"].kinds())
    difference.subtract(templates[f"dev/{stack}"].kinds())
    assert {kind: count for kind, count in difference.items() if count} == SAVED.get(stack, {})


def test_production_alone_is_protected_from_deletion(templates: Mapping[str, Template]) -> None:
    """A stack of prod can be deleted only after its protection is removed."""
    manifests = {name.split("/")[0]: t.path.with_name("manifest.json").read_text() for name, t in templates.items()}
    protected = {name: text.count('"terminationProtection": true') for name, text in manifests.items()}
    assert protected == {"dev": 0, "stage": 0, "prod": len(STACKS), "local": 0}


def test_production_keeps_everything_that_holds_data(templates: Mapping[str, Template]) -> None:
    """Recordings, transcripts, access logs, messages and images survive the deletion of prod's stacks."""
    kept, lost = Counter[str](), Counter[str]()
    for name, template in templates.items():
        for resource in template.body["Resources"].values():
            if name.startswith("prod/") and resource["Type"] in STATEFUL:
                retained = resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
                (kept if retained else lost)[f"{name} {resource['Type']}"] += 1
    assert not lost
    assert kept["prod/Registry AWS::ECR::Repository"] == 1
    assert kept["prod/Recordings AWS::S3::Bucket"] == 3
    assert kept["prod/Recordings AWS::SQS::Queue"] == 2


def test_development_leaves_nothing_behind(templates: Mapping[str, Template]) -> None:
    """Deleting dev's stacks deletes all their resources, once the buckets are empty."""
    policies = {
        resource.get("DeletionPolicy", "Delete")
        for name, template in templates.items()
        if name.startswith("dev/")
        for resource in template.body["Resources"].values()
    }
    assert policies == {"Delete"}


def test_production_serves_without_a_gap(templates: Mapping[str, Template]) -> None:
    """Prod always runs two API tasks, one in each zone; dev runs one."""
    minimum = {
        name: templates[f"{name}/Api"].only("AWS::ApplicationAutoScaling::ScalableTarget")["MinCapacity"]
        for name in ("dev", "prod")
    }
    assert minimum == {"dev": 1, "prod": 2}


def test_every_environment_runs_the_same_model(templates: Mapping[str, Template]) -> None:
    """One image goes from dev to prod, so that all three name its model."""
    models = set()
    for name in ("dev", "stage", "prod"):
        (container,) = templates[f"{name}/Batch"].only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
        models |= {pair["Value"] for pair in container["Environment"] if pair["Name"] == "WHISPER_MODEL"}
    assert models == {"base"}
