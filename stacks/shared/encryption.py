"""The environment's own key, if it has one: the recordings stack makes it, and every other stack finds it by its ARN."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.environments import Environment
from stacks.shared.handover import published

PARAMETER = "key-arn"
# S3 and SQS ask for no more, whether an object or a message is written or read; a long upload is read as it is written.
READ = ("kms:Decrypt",)
USE = (*READ, "kms:GenerateDataKey")


def customer_key(scope: Construct, *, environment: Environment) -> kms.IKey | None:
    """The key, for a resource that the scope makes; None if keys of AWS encrypt the environment's data."""
    if not environment.customer_key:
        return None
    return kms.Key.from_key_arn(scope, "CustomerKey", published(scope, path=environment.parameter(PARAMETER)))


def grant_customer_key(role: iam.IRole, *, environment: Environment, write: bool = True) -> None:
    """Allow a role to read, and to write, data that the key encrypts, as far as it may reach the data at all.

    The library's own grants would allow more to writers, with wildcards, and nothing to readers of a secret.
    """
    if environment.customer_key:
        arn = published(Stack.of(role), path=environment.parameter(PARAMETER))
        role.add_to_principal_policy(iam.PolicyStatement(actions=list(USE if write else READ), resources=[arn]))
