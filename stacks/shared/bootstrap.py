"""The roles that `cdk bootstrap` created: they hold the permissions to deploy, which their callers do not."""

from aws_cdk import Aws, DefaultStackSynthesizer, Stack
from constructs import IConstruct

# The fourth role publishes image assets, which these stacks do not have.
ROLES = ("deploy", "file-publishing", "lookup")


def bootstrap_roles(scope: IConstruct, *kinds: str) -> list[str]:
    """ARNs of the roles of some kinds, by default of `ROLES`, in the account and region of the construct's stack.

    Their names have the qualifier with which the stack is deployed: `@aws-cdk/core:bootstrapQualifier` in cdk.json.
    """
    qualifier = Stack.of(scope).synthesizer.bootstrap_qualifier or DefaultStackSynthesizer.DEFAULT_QUALIFIER
    return [
        f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/cdk-{qualifier}-{kind}-role-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        for kind in kinds or ROLES
    ]
