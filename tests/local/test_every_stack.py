"""Every stack in the emulator, as far as the emulator goes."""

import json
import time
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from mypy_boto3_cloudformation import CloudFormationClient

from local import emulator
from stacks.environments import select
from tests.stacks.synthesis import STACKS, synthesize

SCALING = "it has no application auto scaling: fleets keep their first size"
RULES = "it takes the rules that stand within a security group only"
# What the emulator refuses of the stacks, and what that means for a deploy to it. The rest is created.
REFUSED: Mapping[str, str] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": SCALING,
    "AWS::ApplicationAutoScaling::ScalingPolicy": SCALING,
    "AWS::Budgets::Budget": "it has no budgets: nobody pays for it",
    "AWS::CodePipeline::Pipeline": "it has no pipelines: builds exist, nothing starts them",
    "AWS::EC2::FlowLog": "it has no flow logs: no packet flows",
    "AWS::EC2::SecurityGroupEgress": RULES,
    "AWS::EC2::SecurityGroupIngress": RULES,
    "AWS::ECS::ClusterCapacityProviderAssociations": "it knows no Spot: every task is an ordinary one",
    "AWS::CloudWatch::Alarm with Metrics": "it does no metric arithmetic: alarms on one metric exist",
    "Custom::VpcRestrictDefaultSG": "its function's code is an asset, which is not uploaded here",
}
FINISH_SECONDS = 8
# Stands in for every value that a deploy reads from the account; of the CDK's own bootstrap it must be a version.
BOOTSTRAPPED = "99"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """An emulator with what an operator stores in an account beforehand, and the templates to create in it."""

    templates: Mapping[str, Mapping[str, Any]]
    cloudformation: CloudFormationClient

    def create(self, name: str, *, without: set[str], called: str = "") -> str:
        """Create a stack, or another `called` so, without some resource types; how that ended, in one line."""
        template = pruned(self.templates[name], without)
        parameters = template.get("Parameters", {})
        given = [
            {"ParameterKey": key, "ParameterValue": f"sha256:{'0' * 64}"} for key in parameters if key == "ImageDigest"
        ]
        stack = f"whisper-local-{called or name}"
        try:
            self.cloudformation.create_stack(
                StackName=stack,
                TemplateBody=json.dumps(template),
                Parameters=given,  # type: ignore[arg-type]
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            )
        except self.cloudformation.exceptions.ClientError as refusal:
            return str(refusal)
        deadline = time.monotonic() + FINISH_SECONDS
        while (status := self._status(stack)).endswith("IN_PROGRESS") and time.monotonic() < deadline:
            time.sleep(0.1)
        events = self.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        reasons = [e.get("ResourceStatusReason", "") for e in events if e["ResourceStatus"].endswith("FAILED")]
        return " ".join((status, *reasons))

    def delete(self, name: str) -> None:
        """Take a stack away, if it is there."""
        self.cloudformation.delete_stack(StackName=f"whisper-local-{name}")

    def _status(self, stack: str) -> str:
        return str(self.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An emulator of its own, and the local environment's templates."""
    folder = tmp_path_factory.mktemp("emulator")
    (local,) = select("local")
    synthesized = synthesize([local], tmp_path_factory.mktemp("cdk.out"))
    templates = {name.removeprefix("local/"): template.body for name, template in synthesized.items()}
    try:
        running = emulator.start(folder)
        session = boto3.Session(
            aws_access_key_id=running.credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=running.credentials["AWS_SECRET_ACCESS_KEY"],
            region_name=local.region,
        )
        parameters = session.client("ssm", endpoint_url=running.url)
        published = {
            resource["Properties"]["Name"]
            for template in templates.values()
            for resource in template["Resources"].values()
            if resource["Type"] == "AWS::SSM::Parameter"
        }
        for template in templates.values():
            for parameter in template.get("Parameters", {}).values():
                reads = parameter["Type"].startswith("AWS::SSM::Parameter::Value")
                if reads and parameter["Default"] not in published:
                    parameters.put_parameter(
                        Name=parameter["Default"], Value=BOOTSTRAPPED, Type="String", Overwrite=True
                    )
        yield Cloud(templates=templates, cloudformation=session.client("cloudformation", endpoint_url=running.url))
    finally:
        emulator.stop(folder)


def pruned(template: Mapping[str, Any], without: set[str]) -> dict[str, Any]:
    """A template without the resources of some types, and without what refers to them."""
    gone = {name for name, resource in template["Resources"].items() if without & kinds(resource)}
    kept = deepcopy({k: v for k, v in template["Resources"].items() if k not in gone})
    for resource in kept.values():
        after = resource.get("DependsOn", [])
        resource["DependsOn"] = [name for name in ([after] if isinstance(after, str) else after) if name not in gone]
    outputs = {k: v for k, v in template.get("Outputs", {}).items() if not refers(v, gone)}
    return {**template, "Resources": replaced(kept, gone), "Outputs": outputs}


def kinds(resource: Mapping[str, Any]) -> set[str]:
    """What a resource counts as: its type, and its type with each of its properties."""
    return {resource["Type"], *(f"{resource['Type']} with {name}" for name in resource.get("Properties", {}))}


def refers(value: Any, gone: set[str]) -> bool:
    """Whether a part of a template refers to one of some resources."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return name in gone
        case dict():
            return any(refers(part, gone) for part in value.values())
        case list():
            return any(refers(part, gone) for part in value)
    return False


def replaced(value: Any, gone: set[str]) -> Any:
    """A part of a template with a word in place of what is gone."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} if name in gone:
            return "gone"
        case dict():
            return {key: replaced(part, gone) for key, part in value.items()}
        case list():
            return [replaced(part, gone) for part in value]
    return value


def test_every_stack_is_created_but_for_what_is_refused(cloud: Cloud) -> None:
    """In the order of a deploy, each stack stands once what the emulator refuses is left out."""
    ended = {name: cloud.create(name, without=set(REFUSED)) for name in cloud.templates}
    assert set(ended) == set(STACKS)
    assert ended == dict.fromkeys(ended, "CREATE_COMPLETE")


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_listed_as_refused_is_refused(cloud: Cloud, kind: str) -> None:
    """An entry goes when the stacks no longer have it, or the emulator has learned it."""
    having = [n for n, t in cloud.templates.items() if any(kind in kinds(r) for r in t["Resources"].values())]
    assert having
    # The stack that stands is in use by others, so that it could not be taken away.
    assert cloud.create(having[0], without=set(REFUSED), called="Again") == "CREATE_COMPLETE"
    cloud.delete("Again")
    assert cloud.create(having[0], without=set(REFUSED) - {kind}, called="Again") != "CREATE_COMPLETE"
    cloud.delete("Again")
