"""The roles that `cdk bootstrap` made for deploying: they hold the permissions, not who takes them."""

from aws_cdk import Aws, DefaultStackSynthesizer

# Fourth of the kind is that of image assets, of which these stacks have none.
ROLES = ("deploy", "file-publishing", "lookup")


def bootstrap_roles(*kinds: str) -> list[str]:
    """ARNs of the roles in the account and region of the stack that asks."""
    qualifier = DefaultStackSynthesizer.DEFAULT_QUALIFIER
    return [
        f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/cdk-{qualifier}-{kind}-role-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        for kind in kinds or ROLES
    ]
