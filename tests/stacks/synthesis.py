"""The templates that the tests of the stacks read, as CloudFormation gets them."""

import fcntl
import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App

from stacks.environments import Environment
from stacks.stage import Whisper

ROOT = Path(__file__).parent.parent.parent
STACKS = ("Network", "Registry", "Recordings", "Cluster", "Api", "Batch", "Delivery", "Monitoring", "People", "Watch")
STATEFUL = {"AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::ECR::Repository", "AWS::EFS::FileSystem"}
# Deletion and replacement of a resource that outlives its stack, but not the create that made it, if that fails.
KEPT = ("RetainExceptOnCreate", "Retain")
POLICIES = ("AWS::IAM::Policy", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One stack's template, and its file."""

    path: Path
    body: Mapping[str, Any]

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """Every resource of a type, such as `AWS::S3::Bucket`, with its policies and metadata.

        Copies, because the tests of a run share the templates, and a test may take its values apart.
        """
        return [deepcopy(resource) for resource in self.body["Resources"].values() if resource["Type"] == kind]

    def properties(self, kind: str) -> list[dict[str, Any]]:
        """The properties of every resource of a type."""
        return [resource.get("Properties", {}) for resource in self.resources(kind)]

    def only(self, kind: str, *, of: str = "") -> dict[str, Any]:
        """The properties of the one resource of a type; with `of`, the one whose logical name begins so."""
        found: list[dict[str, Any]] = [
            deepcopy(resource.get("Properties", {}))
            for name, resource in self.body["Resources"].items()
            if resource["Type"] == kind and name.startswith(of)
        ]
        (properties,) = found
        return properties

    @property
    def qualifier(self) -> str:
        """The qualifier of the bootstrap that the stack is deployed with, from the version that it asks for."""
        path: str = self.body["Parameters"]["BootstrapVersion"]["Default"]
        return path.split("/")[2]

    def kinds(self) -> list[str]:
        """Type of every resource, sorted."""
        return sorted(resource["Type"] for resource in self.body["Resources"].values())


def synthesize(
    environments: Iterable[Environment], outdir: Path, context: Mapping[str, str] | None = None
) -> dict[str, Template]:
    """Templates by name, such as `live/Network`, synthesized with the feature flags of cdk.json and other context."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = App(context={**flags, **(context or {})}, outdir=str(outdir))
    for environment in environments:
        Whisper(app, environment=environment)
    stages = app.synth().nested_assemblies
    paths = {
        stack.hierarchical_id: Path(stack.template_full_path)
        for stage in stages
        for stack in stage.nested_assembly.stacks
    }
    return {name: Template(path=path, body=json.loads(path.read_text())) for name, path in paths.items()}


def synthesize_once(environments: Iterable[Environment], folder: Path) -> dict[str, Template]:
    """As `synthesize`, for a folder that test processes share: the first one synthesizes, the others read the files."""
    folder.mkdir(exist_ok=True)
    index = folder / "templates.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not index.exists():
            made = synthesize(environments, folder / "cdk.out")
            index.write_text(json.dumps({name: str(template.path) for name, template in made.items()}))
    paths = {name: Path(path) for name, path in json.loads(index.read_text()).items()}
    return {name: Template(path=path, body=json.loads(path.read_text())) for name, path in paths.items()}


def statements(template: Template) -> list[dict[str, Any]]:
    """Every statement of every identity and resource policy in a template."""
    return [
        statement
        for kind in POLICIES
        for properties in template.properties(kind)
        for statement in properties["PolicyDocument"]["Statement"]
    ]


def listed(value: Any) -> list[Any]:
    """A list in any case: IAM writes a list of one entry as the entry."""
    return value if isinstance(value, list) else [value]
