"""Accepts findings of the AwsSolutions policy pack, each with its reason; see docs/policy.md."""

import json
from collections.abc import Sequence
from typing import Any

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct, IValidation

PACK = "AwsSolutions"
# The wildcard actions in the library's grants on a bucket.
S3_READ = ("s3:GetBucket*", "s3:GetObject*", "s3:List*")
S3_PUT = ("s3:Abort*",)
# Likewise, if the bucket has a key.
KEY_PUT = ("kms:GenerateDataKey*", "kms:ReEncrypt*")


def acknowledge(construct: IConstruct, *, rule: str, reason: str) -> None:
    """Accept the finding of a rule, such as `S1`, on a construct and everything inside it."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason))


def acknowledge_wildcards(
    construct: IConstruct, *, actions: Sequence[str] = (), resources: Sequence[str] = (), reason: str
) -> None:
    """Accept wildcards in the policies of a construct: exactly these actions and resources, in the policies' spelling."""
    construct.node.add_validation(_Wildcards(construct, actions, resources, reason))


@jsii.implements(IValidation)
class _Wildcards:
    """Acknowledges late: findings quote references between stacks, which are resolved just before synthesis."""

    def __init__(self, construct: IConstruct, actions: Sequence[str], resources: Sequence[str], reason: str) -> None:
        self._construct, self._actions, self._resources, self._reason = construct, actions, resources, reason

    def validate(self) -> list[str]:
        stack = Stack.of(self._construct)
        findings = [f"Action::{action}" for action in self._actions]
        findings += [f"Resource::{_flat(stack.resolve(resource))}" for resource in self._resources]
        for finding in findings:
            acknowledge(self._construct, rule=f"IAM5[{finding}]", reason=self._reason)
        return []


def _flat(value: Any) -> str:
    """A resolved value in the spelling that the pack uses in its findings."""
    match value:
        case str():
            return value.replace("${", "<").replace("}", ">")
        case {"Fn::Join": [delimiter, items]}:
            return str(delimiter).join(map(_flat, items))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
    return json.dumps(value, separators=(",", ":"))
