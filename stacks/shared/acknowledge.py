"""Findings of the AwsSolutions policy pack that a construct accepts, each with its reason; docs/policy.md."""

import json
from collections.abc import Sequence
from typing import Any

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct, IValidation

PACK = "AwsSolutions"
# What the library's grants on a bucket contain.
S3_READ = ("s3:GetBucket*", "s3:GetObject*", "s3:List*")
S3_PUT = ("s3:Abort*",)


def acknowledge(construct: IConstruct, *, rule: str, reason: str) -> None:
    """Accept one rule's finding, such as `S1`, on a construct and on what it contains."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{PACK}::{PACK}-{rule}", reason=reason))


def acknowledge_wildcards(
    construct: IConstruct, *, actions: Sequence[str] = (), resources: Sequence[str] = (), reason: str
) -> None:
    """Accept wildcards in the policies of a construct: exactly these actions and resources, as they stand there."""
    construct.node.add_validation(_Wildcards(construct, actions, resources, reason))


@jsii.implements(IValidation)
class _Wildcards:
    """Acknowledges just before templates are written: a finding quotes how stacks refer to each other, known only then."""

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
    """A resolved value in the pack's own spelling."""
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
