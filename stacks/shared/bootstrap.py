"""The roles that `cdk bootstrap` created: they hold the permissions to deploy, which their callers do not."""

from aws_cdk import Aws, DefaultStackSynthesizer

# The fourth role publishes image assets, which these stacks do not have.
ROLES = ("deploy", "file-publishing", "lookup")


def bootstrap_roles(*kinds: str) -> list[str]:
    """ARNs of the roles of some kinds, by default of `ROLES`, in the account and region of the deployed stack."""
    qualifier = DefaultStackSynthesizer.DEFAULT_QUALIFIER
    return [
        f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/cdk-{qualifier}-{kind}-role-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        for kind in kinds or ROLES
    ]
