"""The lists of regions agree with CloudFormation's schemas."""

from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk.region_info import RegionInfo
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from stacks.environments import InvalidEnvironment
from stacks.environments.regions import WITHOUT_BUDGETS, WITHOUT_BUILDS, WITHOUT_CHAT
from tests.stacks.factory import FORGE
from tests.stacks.synthesis import synthesize


def without(kind: str) -> set[str]:
    """Regions whose stacks cannot hold a type of resource."""
    regions = {region.name for region in RegionInfo.regions}
    return {region for region in regions if kind not in PROVIDER_SCHEMA_MANAGER.get_resource_types(region)}


@pytest.mark.parametrize(
    ("kind", "listed"),
    [
        ("AWS::Budgets::Budget", WITHOUT_BUDGETS),
        ("AWS::CodeBuild::Project", WITHOUT_BUILDS),
        ("AWS::Chatbot::SlackChannelConfiguration", WITHOUT_CHAT),
        ("AWS::Chatbot::MicrosoftTeamsChannelConfiguration", WITHOUT_CHAT),
    ],
)
def test_list_of_regions_is_neither_short_nor_long(kind: str, listed: frozenset[str]) -> None:
    """A missing entry fails, and so does one that AWS has made superfluous."""
    assert without(kind) == listed


def test_region_without_budgets_has_everything_else(tmp_path: Path) -> None:
    """A team in Stockholm deploys the same stacks as one in Ireland, but for the budget."""
    monitoring = {
        region: synthesize([replace(FORGE, region=region)], tmp_path / region)["forge/Monitoring"]
        for region in ("eu-north-1", "eu-west-1")
    }
    kinds = {region: template.kinds() for region, template in monitoring.items()}
    assert sorted([*kinds["eu-north-1"], "AWS::Budgets::Budget"]) == kinds["eu-west-1"]


def test_region_without_builds_is_refused() -> None:
    """It is refused before anything is synthesized: no pipeline could deliver there."""
    with pytest.raises(InvalidEnvironment, match=r"forge\.region: got 'ca-west-1', expected one of af-south-1, "):
        replace(FORGE, region="ca-west-1")
