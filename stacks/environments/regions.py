"""What CloudFormation does not offer in some regions; a test compares it with CloudFormation's own schemas."""

# No CodeBuild: nothing could be delivered there.
WITHOUT_BUILDS = frozenset({"ap-east-2", "ca-west-1", "mx-central-1"})
# AWS Budgets watches every region's costs, but is no resource of these regions' stacks.
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
