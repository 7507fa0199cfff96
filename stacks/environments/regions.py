"""The regions that an environment can be in; a test compares the exceptions with CloudFormation's own schemas."""

from functools import cache

from aws_cdk.region_info import RegionInfo

# No CodeBuild, so that no pipeline could deliver there.
WITHOUT_BUILDS = frozenset({"ap-east-2", "ca-west-1", "mx-central-1"})
# AWS Budgets watches the costs of every region, but the stacks of these cannot hold one.
WITHOUT_BUDGETS = WITHOUT_BUILDS | {
    "af-south-1",
    "ap-east-1",
    "ap-northeast-3",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "us-gov-east-1",
    "us-gov-west-1",
}

# Amazon Q Developer posts to no chat from here.
WITHOUT_CHAT = frozenset({"cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1"})


@cache
def regions() -> tuple[str, ...]:
    """Every region that an environment can be in, sorted."""
    return tuple(sorted({region.name for region in RegionInfo.regions} - WITHOUT_BUILDS))
