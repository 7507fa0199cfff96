from aws_cdk import CfnResource
from constructs import IConstruct


def tolerate(resource: IConstruct, *, rule: str, reason: str) -> None:
    """Ignore one cfn-lint rule on one resource. The reason is written into the resource's metadata."""
    cfn = resource.node.default_child or resource
    if not isinstance(cfn, CfnResource):
        raise TypeError(f"resource: got {resource.node.path!r}, expected a construct that makes one resource")
    cfn.add_metadata("cfn-lint", {"config": {"ignore_checks": [rule]}, "reason": reason})
