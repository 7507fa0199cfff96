"""Whether a role may do what was done in its name: calls of a recording against the policies that its stack made.

The policies are evaluated by the emulator's own engine, on documents with the names that CloudFormation has put in.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError
from ministack.core.iam_evaluator import (
    EvalContext,
    evaluate,
    evaluate_trust_policy,
    parse_policy_document,
    resource_policy_allows,
)

from local.emulator import ACCOUNT
from tests.delivery.cloud import Cloud
from tests.delivery.recorder import Call
from tests.stacks.factory import REGION
from tests.stacks.synthesis import listed

# AWS allows it to everybody.
FREE = {"sts:GetCallerIdentity"}
# Services whose signature has another name than their permissions.
SERVICES = {"monitoring": "cloudwatch"}
EVERYTHING = "*"
# What the library grants to whoever reads a bucket or writes an object, whose tags and retention nothing here sets.
OF_THE_LIBRARY = {
    "s3:GetBucket*",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
}
BUCKETS = "arn:aws:s3:::"
# What a service asks of the key that encrypts its data, by AWS's documentation, in the name of whoever calls it.
OF_A_KEY: Mapping[str, tuple[str, ...]] = {
    "GetObject": ("kms:Decrypt",),
    "PutObject": ("kms:GenerateDataKey",),
    "ReceiveMessage": ("kms:Decrypt",),
    "SendMessage": ("kms:Decrypt", "kms:GenerateDataKey"),
    "GetSecretValue": ("kms:Decrypt",),
}


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """A permission on a resource that a call takes.

    Attributes:
        prefix: of the keys that are listed.
    """

    action: str
    resource: str
    prefix: str = ""


def arn(service: str, name: str, *, region: str = REGION) -> str:
    """A resource of the emulated account."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{name}"


class Policies:
    """The policies of the roles in the emulated account."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud, self._iam, self._ecs = cloud, cloud.client("iam"), cloud.client("ecs")

    @cache  # noqa: B019 -- lives as long as its test
    def documents(self, role: str) -> list[Mapping[str, Any]]:
        """The policies of a role, which its ARN names."""
        name = role.rpartition("/")[2]
        names = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        return [self._iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] for policy in names]

    def allows(self, role: str, need: Need) -> bool:
        """Whether a role may do something."""
        statements = [parse_policy_document(dict(document)) for document in self.documents(role)]
        return bool(evaluate(self._context(role, need), statements).decision == "Allow") and not self._refused(
            role, need
        )

    def _refused(self, role: str, need: Need) -> bool:
        """Whether the policy of a bucket denies to a role what its own policies allow."""
        if not need.resource.startswith(BUCKETS):
            return False
        s3, bucket = self._cloud.client("s3"), need.resource.removeprefix(BUCKETS).partition("/")[0]
        try:
            policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        except ClientError:
            return False
        return not resource_policy_allows(policy, self._context(role, need), same_account=True)

    def admits(self, role: str, caller: str) -> bool:
        """Whether a role, by its ARN, lets another one take it."""
        name = role.rpartition("/")[2]
        trust = self._iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        return bool(evaluate_trust_policy(trust, caller, self._context(caller, Need("sts:AssumeRole", role))))

    def actions(self, role: str) -> set[str]:
        """Every action that a role is allowed, as the policies spell it."""
        return {
            action
            for document in self.documents(role)
            for statement in document["Statement"]
            for action in listed(statement["Action"])
        }

    def needs(self, call: Call) -> Iterator[Need]:
        """What a call takes, by AWS's table of actions and resources of the service."""
        service = SERVICES.get(call.service, call.service)
        action = f"{service}:{call.action}"
        match service, call.action:
            case "s3", _:
                yield from _of_s3(call) if " " in call.action else _of_an_operation(call)
            case "ecs", "RunTask":
                yield from self._of_a_task(call.values["taskDefinition"], action)
            case "ecs", _:
                for resource in call.values.get("services") or call.values.get("tasks") or [call.values.get("task")]:
                    yield Need(action, str(resource))
            case _:
                yield Need(action, _resource(service, call))
        if call.action in OF_A_KEY and (key := self._key(call)):
            for use in OF_A_KEY[call.action]:
                yield Need(use, key)

    def _key(self, call: Call) -> str:
        """The ARN of the account's own key that encrypts the data of a call; empty if it is one of AWS's."""
        client = self._cloud.client(call.service)
        match call.service:
            case "s3":
                found = client.get_bucket_encryption(Bucket=call.values["Bucket"])["ServerSideEncryptionConfiguration"]
                return str(found["Rules"][0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID", ""))
            case "sqs":
                found = client.get_queue_attributes(QueueUrl=call.values["QueueUrl"], AttributeNames=["All"])
                return str(found["Attributes"].get("KmsMasterKeyId", ""))
        return str(client.describe_secret(SecretId=call.values["SecretId"]).get("KmsKeyId", ""))

    def _of_a_task(self, definition: str, action: str) -> Iterator[Need]:
        """To run a task takes its roles, too."""
        task = self._ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
        yield Need(action, task["taskDefinitionArn"])
        for role in (task["taskRoleArn"], task["executionRoleArn"]):
            yield Need("iam:PassRole", role)

    def _context(self, role: str, need: Need) -> EvalContext:
        return EvalContext(
            principal_arn=role,
            principal_type="AssumedRole",
            principal_account=ACCOUNT,
            action=need.action,
            resource_arn=need.resource,
            region=REGION,
            secure_transport=True,
            service_context={
                "iam:passedtoservice": "ecs-tasks.amazonaws.com",
                **({"s3:prefix": need.prefix} if need.prefix else {}),
            },
        )


def _of_s3(call: Call) -> Iterator[Need]:
    method, _, path = call.action.partition(" ")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    verb = {"HEAD": "GetObject", "GET": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}[method]
    yield Need(f"s3:{verb}", f"arn:aws:s3:::{bucket}/{key}")
    if method == "HEAD":
        # Without it, S3 answers 403 instead of 404 for a key that is not there.
        yield Need("s3:ListBucket", f"arn:aws:s3:::{bucket}")
    if source := unquote(call.values["from"]).lstrip("/"):
        yield Need("s3:GetObject", f"arn:aws:s3:::{source}")


def _resource(service: str, call: Call) -> str:
    """The one resource of a call."""
    values, resource = call.values, EVERYTHING
    match service, call.action:
        case "ecr", action if action != "GetAuthorizationToken":
            resource = arn("ecr", f"repository/{values['repositoryName']}")
        case "cloudformation", _ if name := values.get("StackName"):
            # Without a name, it would be a list of every stack of the account.
            resource = arn("cloudformation", f"stack/{name}/an-id")
        case "sts", "AssumeRole":
            resource = values["RoleArn"]
        case "logs", "GetLogEvents":
            resource = arn("logs", f"log-group:{values['logGroupName']}:log-stream:{values['logStreamName']}")
        case "sqs", _:
            resource = arn("sqs", values.get("QueueName") or values["QueueUrl"].rpartition("/")[2])
        case "secretsmanager", _:
            resource = values["SecretId"]
    return resource


def _of_an_operation(call: Call) -> Iterator[Need]:
    bucket = f"{BUCKETS}{call.values['Bucket']}"
    match call.action:
        case "ListObjectsV2":
            yield Need("s3:ListBucket", bucket, call.values.get("Prefix", ""))
        case "ListObjectVersions":
            yield Need("s3:ListBucketVersions", bucket, call.values["Prefix"])
        case "HeadObject":
            yield Need("s3:GetObject", f"{bucket}/{call.values['Key']}")
        case action:
            version = "Version" if call.values.get("VersionId") else ""
            yield Need(f"s3:{action}{version}", f"{bucket}/{call.values['Key']}")


def covers(pattern: str, action: str) -> bool:
    """Whether a policy's action, maybe with `*`, includes an action."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) is not None


def as_text(needs: set[tuple[str, Need]]) -> str:
    """Roles with what they lack, one a line."""
    return json.dumps(sorted(f"{role}: {need.action} on {need.resource}" for role, need in needs), indent=1)
