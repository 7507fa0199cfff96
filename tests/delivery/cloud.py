"""An account with the environments of a release in the emulator, and programs that stand in for docker and the CDK."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from delivery.__main__ import main
from local.emulator import ACCOUNT, Emulator
from stacks.environments import name_prefix
from tests.emulated import DIGEST, create_stack, session
from tests.stacks.factory import REGION
from tests.stacks.synthesis import Template

# In the order of a deploy: what a release finds, and what it looks at.
STACKS = (
    *(f"forge/{name}" for name in ("Registry", "Delivery")),
    *(f"trial/{name}" for name in ("Network", "Registry", "Cluster", "Delivery", "Gate")),
    *(
        f"live/{name}"
        for name in ("Network", "Registry", "Recordings", "Cluster", "Api", "Batch", "Monitoring", "Watch")
    ),
    *("live/Delivery", "trial/Releases"),
)
# The role with which the CDK deploys.
BOOTSTRAP = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-{REGION}"
OLD, NEW = DIGEST, f"sha256:{'1' * 64}"

DOCKER = """
import json, os, sys
import boto3
arguments = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(["docker", *arguments]), file=calls)
ecr = boto3.client("ecr")
name = lambda reference: reference.partition("/")[2].replace("@", ":", 1).partition(":")[0]
if arguments[0] == "login":
    sys.exit(0 if sys.stdin.read() else "no password")
if arguments[:2] == ["buildx", "build"]:
    target = arguments[arguments.index("--tag") + 1]
    if os.environ.get("DOCKER_FAILS"):
        sys.exit("the model is not the locked one")
    platform = {"architecture": arguments[arguments.index("--platform") + 1].partition("/")[2]}
    manifest = json.dumps({"manifests": [{"platform": platform}], "of": target})
    ecr.put_image(repositoryName=name(target), imageTag=target.rpartition(":")[2], imageManifest=manifest)
if arguments[:3] == ["buildx", "imagetools", "inspect"]:
    print("sha256:" + "b" * 64)
if arguments[:3] == ["buildx", "imagetools", "create"]:
    target, source = arguments[arguments.index("--tag") + 1], arguments[-1]
    (image,) = ecr.batch_get_image(repositoryName=name(source), imageIds=[{"imageDigest": source.partition("@")[2]}])["images"]
    manifest = image["imageManifest"] + os.environ.get("DOCKER_CHANGES", "")
    ecr.put_image(repositoryName=name(target), imageTag=target.rpartition(":")[2], imageManifest=manifest)
"""
CDK = """
import json, os, shutil, sys
import boto3
arguments = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(["cdk", *arguments]), file=calls)
if arguments[0] == "synth":
    shutil.copytree(os.environ["ASSEMBLY"], arguments[arguments.index("--output") + 1], dirs_exist_ok=True)
if arguments[0] == "deploy":
    if os.environ.get("CDK_FAILS"):
        sys.exit("the stack is in UPDATE_ROLLBACK_COMPLETE")
    taken = boto3.client("sts").assume_role(RoleArn=os.environ["BOOTSTRAP"], RoleSessionName="cdk")["Credentials"]
    names = {"access_key_id": "AccessKeyId", "secret_access_key": "SecretAccessKey", "session_token": "SessionToken"}
    deploying = boto3.Session(**{f"aws_{name}": taken[key] for name, key in names.items()})
    cloudformation = deploying.client("cloudformation")
    for stack, digest in (a.split(":ImageDigest=") for a in arguments if ":ImageDigest=" in a):
        if stack not in os.environ["STACKS"].split():
            continue
        given = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["Parameters"]
        if {"ParameterKey": "ImageDigest", "ParameterValue": digest} in given:
            continue
        parameters = [
            {"ParameterKey": p["ParameterKey"], "ParameterValue": digest}
            if p["ParameterKey"] == "ImageDigest"
            else {"ParameterKey": p["ParameterKey"], "UsePreviousValue": True}
            for p in given
        ]
        cloudformation.update_stack(
            StackName=stack, UsePreviousTemplate=True, Parameters=parameters, Capabilities=["CAPABILITY_IAM"]
        )
    if alarm := os.environ.get("RINGS"):
        deploying.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a test")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Emulated stacks of the factory's release line; the variables of a step that works on them; the programs it called."""

    folder: Path
    environ: Mapping[str, str]
    session: boto3.Session

    def step(self, *arguments: str, **more: str) -> tuple[int, str, str]:
        """Take a step as a build does: its exit code, its output for the next step, and its log."""
        log, handed = self.folder / "log", io.StringIO()
        with (
            patch.dict(os.environ, {**self.environ, **more}, clear=True),
            log.open("w") as lines,
            contextlib.redirect_stdout(handed),
            contextlib.redirect_stderr(lines),
        ):
            try:
                code = main(arguments, os.environ)
            except SystemExit as wrong:
                code = int(wrong.code or 0)
        return code, handed.getvalue().strip(), log.read_text()

    def client(self, service: str) -> Any:
        """A client of the emulator."""
        return self.session.client(service, endpoint_url=self.environ["AWS_ENDPOINT_URL"])  # type: ignore[call-overload]

    def calls(self, program: str) -> list[list[str]]:
        """The arguments of each call of a program since the last look."""
        path = Path(self.environ["CALLS"])
        made = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        path.write_text("")
        return [call[1:] for call in made if call[0] == program]

    def repository(self, name: str) -> str:
        """The name of an environment's repository."""
        stack = self.client("cloudformation").describe_stacks(StackName=stack_name(f"{name}/Registry"))["Stacks"][0]
        uris = {output["OutputKey"]: str(output["OutputValue"]) for output in stack["Outputs"]}
        return uris["RepositoryUri"].partition("/")[2]

    def push(self, name: str, tag: str, *, architecture: str = "amd64", digest: str = "") -> str:
        """Put an image into an environment's registry; its digest, which is that of its manifest if none is given."""
        manifest = json.dumps({"manifests": [{"platform": {"architecture": architecture}}], "of": tag})
        chosen = {"imageDigest": digest} if digest else {}
        pushed = self.client("ecr").put_image(
            repositoryName=self.repository(name), imageTag=tag, imageManifest=manifest, **chosen
        )
        return str(pushed["image"]["imageId"]["imageDigest"])

    def tags(self, name: str, digest: str) -> set[str]:
        """The tags of an image in an environment's registry."""
        found = self.client("ecr").describe_images(
            repositoryName=self.repository(name), imageIds=[{"imageDigest": digest}]
        )
        return set(found["imageDetails"][0].get("imageTags", ()))


def stack_name(path: str) -> str:
    """The name in CloudFormation of a stack such as `live/Registry`."""
    name, _, stack = path.partition("/")
    return f"{name_prefix(name)}-{stack}"


def build(running: Emulator, folder: Path, templates: Mapping[str, Template]) -> Cloud:
    """Create the stacks, and the programs on a path of their own."""
    clients = session(running, region=REGION)
    programs = folder / "programs"
    programs.mkdir()
    for name, text in (("docker", DOCKER), ("cdk", CDK)):
        (programs / name).write_text(f"#!{sys.executable}\n{text}")
        (programs / name).chmod(0o755)
    environ = {
        **running.environ(),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CALLS": str(folder / "calls"),
        "ASSEMBLY": str(templates["forge/Registry"].path.parent.parent),
        "STACKS": " ".join(map(stack_name, STACKS)),
        "BOOTSTRAP": BOOTSTRAP,
    }
    cloud = Cloud(folder=folder, environ=environ, session=clients)
    for name in ("forge", "live"):
        cloud.client("ssm").put_parameter(Name=f"/whisper/{name}/release-account", Value=ACCOUNT, Type="String")
    for name in STACKS:
        create_stack(clients, running.url, name=stack_name(name), template=templates[name].body)
    # Their own commits are unknown.
    for name in ("trial", "live"):
        for tag, digest in (("old", OLD), ("new", NEW)):
            cloud.push(name, tag, digest=digest)
    return cloud
