"""Stacks in the emulator: created from synthesized templates, without the resources that the emulator refuses."""

import json
import time
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import boto3

from local.emulator import Emulator

FINISH_SECONDS = 10
DIGEST = f"sha256:{'0' * 64}"
# Value of every SSM parameter that a template reads and no stack publishes; the CDK's own must be a version number.
STORED = "99"

# A resource type, or a type that has a certain property. The emulator creates every other resource of the stacks.
REFUSED = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm with Metrics",
    "AWS::CodePipeline::Pipeline",
    "AWS::EC2::FlowLog",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::ECR::PullThroughCacheRule",
    "AWS::ECS::ClusterCapacityProviderAssociations",
    "Custom::VpcRestrictDefaultSG",  # the code of its function is an asset, which no test uploads
}


def session(emulator: Emulator, *, region: str) -> boto3.Session:
    """A session whose clients have the emulator's credentials."""
    return boto3.Session(
        aws_access_key_id=emulator.credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=emulator.credentials["AWS_SECRET_ACCESS_KEY"],
        region_name=region,
    )


def create_stack(session: boto3.Session, url: str, *, name: str, template: Mapping[str, Any]) -> None:
    """Create a stack and wait for it; its tasks have the image `DIGEST`.

    Raises:
        ValueError: it ends in another state than CREATE_COMPLETE; the message has the reasons.
    """
    body, ssm = pruned(template), session.client("ssm", endpoint_url=url)
    cloudformation = session.client("cloudformation", endpoint_url=url)
    parameters = body.get("Parameters", {})
    for parameter in parameters.values():
        if parameter["Type"].startswith("AWS::SSM"):
            try:
                ssm.get_parameter(Name=parameter["Default"])
            except ssm.exceptions.ParameterNotFound:
                ssm.put_parameter(Name=parameter["Default"], Value=STORED, Type="String")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": key, "ParameterValue": DIGEST} for key in parameters if key == "ImageDigest"],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )
    deadline = time.monotonic() + FINISH_SECONDS
    while (status := cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]).endswith("PROGRESS"):
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    if status != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        raise ValueError(f"{name}: {status} {[event.get('ResourceStatusReason', '') for event in events]}")


def pruned(template: Mapping[str, Any]) -> dict[str, Any]:
    """A template without the refused resources, and without references to them."""
    gone = {name for name, resource in template["Resources"].items() if REFUSED & _kinds(resource)}
    kept = deepcopy({k: v for k, v in template["Resources"].items() if k not in gone})
    for resource in kept.values():
        after = resource.get("DependsOn", [])
        resource["DependsOn"] = [name for name in ([after] if isinstance(after, str) else after) if name not in gone]
    outputs = {k: v for k, v in template.get("Outputs", {}).items() if not _refers(v, gone)}
    return {**template, "Resources": _without_references(kept, gone), "Outputs": outputs}


def _kinds(resource: Mapping[str, Any]) -> set[str]:
    """Names of a resource in `REFUSED`: its type, alone and with each of its properties."""
    return {resource["Type"], *(f"{resource['Type']} with {name}" for name in resource.get("Properties", {}))}


def _refers(value: Any, gone: set[str]) -> bool:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return name in gone
        case dict():
            return any(_refers(part, gone) for part in value.values())
        case list():
            return any(_refers(part, gone) for part in value)
    return False


def _without_references(value: Any, gone: set[str]) -> Any:
    """A part of a template in which a word replaces each reference to a resource that is gone."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} if name in gone:
            return "gone"
        case dict():
            return {key: _without_references(part, gone) for key, part in value.items()}
        case list():
            return [_without_references(part, gone) for part in value]
    return value
