"""A first deploy, from an empty account to services, in the emulator as far as it goes.

The CDK and Docker are stand-ins: the one creates the stacks without the resources that the emulator refuses, the other puts
an image without layers into the registry.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import stacks.environments.selection
from delivery import account, account_file, doctor, first_create, first_deploy, rollout
from delivery.assembly import Assembly
from delivery.deployed import DeployedEnvironment
from delivery.programs import ROOT, Refused
from local import emulator
from local.emulator import Emulator
from tests.delivery.cloud import DOCKER
from tests.delivery.empty import ALONE, ANSWERS, COMMIT, Terminal, programs, variables
from tests.stacks.factory import LINE
from tests.stacks.synthesis import Template

CDK = """
import json, os, sys
from pathlib import Path
import boto3
from delivery.assembly import Assembly
from tests.emulated import create_stack
arguments = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(["cdk", *arguments]), file=calls)
if arguments[0] == "deploy" and os.environ.get("CDK_FAILS"):
    sys.exit("the stack is in ROLLBACK_COMPLETE")
if arguments[0] == "deploy":
    assembly = Assembly.read(Path(arguments[arguments.index("--app") + 1]))
    session, url = boto3.Session(), os.environ["AWS_ENDPOINT_URL"]
    there = {s["StackName"] for s in session.client("cloudformation").describe_stacks()["Stacks"]}
    def create(stack):
        for need in sorted(stack.needs):
            create(assembly.stacks[need])
        if stack.path in arguments and stack.name not in there:
            create_stack(session, url, name=stack.name, template=stack.template)
            there.add(stack.name)
    for stack in assembly.stacks.values():
        create(stack)
"""
INSPECTED = """
if arguments[:3] == ["buildx", "imagetools", "inspect"]:
    print(os.environ["INSPECTED"])
    sys.exit()
"""
# The copy of an image from another registry than the emulator's.
COPIED = """
if arguments[:3] == ["buildx", "imagetools", "create"] and arguments[-1].startswith("registry.example/"):
    target = arguments[arguments.index("--tag") + 1]
    manifest = json.dumps({"manifests": [{"platform": {"architecture": "amd64"}}]})
    ecr.put_image(repositoryName=name(target), imageTag=target.rpartition(":")[2], imageManifest=manifest)
    sys.exit()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """An account with nothing in it, and a person's machine."""

    aws: Emulator
    environ: Mapping[str, str]
    file: Path

    def calls(self, program: str) -> list[list[str]]:
        """The arguments of each call of a program."""
        made = [json.loads(line) for line in Path(self.environ["CALLS"]).read_text().splitlines()]
        return [call[1:] for call in made if call[0] == program]

    @property
    def deployed(self) -> DeployedEnvironment:
        """The environment there."""
        return DeployedEnvironment.named("alone", self.environ)

    def stacks(self) -> set[str]:
        """The stacks that are there, without the environment's name."""
        pages = self.deployed.client("cloudformation").get_paginator("describe_stacks").paginate()
        names = {stack["StackName"] for page in pages for stack in page["Stacks"]}
        return {name.removeprefix("whisper-alone-") for name in names}


@pytest.fixture
def empty(tmp_path: Path, alone: Mapping[str, Template], monkeypatch: pytest.MonkeyPatch) -> Iterator[Empty]:
    """An account of its own for each test, since a first deploy fills it."""
    monkeypatch.setattr(stacks.environments.selection, "environments", lambda: (*LINE, ALONE))
    assembly = Assembly.read(alone["alone/Network"].path.parent)
    monkeypatch.setattr(rollout, "synthesize", lambda _: assembly)
    monkeypatch.setattr(doctor, "synthesized", lambda *_: assembly)
    monkeypatch.setattr(account_file, "FILE", tmp_path / "account.toml")
    docker = DOCKER.replace("if arguments[:3]", f"{INSPECTED}{COPIED}if arguments[:3]", 1)
    docker = docker.replace(
        'if arguments[0] == "login"', 'if "version" in arguments:\n    sys.exit()\nif arguments[0] == "login"'
    )
    path = programs(tmp_path / "programs", {**ANSWERS, "cdk": CDK, "docker": docker})
    (tmp_path / "calls").touch()
    try:
        aws = emulator.start(tmp_path / "aws")
        environ = variables(aws) | {"PATH": path, "CALLS": str(tmp_path / "calls"), "PYTHONPATH": str(ROOT)}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield Empty(aws=aws, environ=environ, file=tmp_path / "account.toml")
    finally:
        emulator.stop(tmp_path / "aws")


def last(said: str) -> str:
    """The last line that was said."""
    return said.splitlines()[-1]


def test_one_command_brings_one_persons_environment_from_nothing_to_its_services(
    empty: Empty, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It asks for the one value, makes the stacks, builds the image and runs it; a second run finishes a failed first."""
    monkeypatch.setattr("sys.stdin", Terminal("a@b.example\n"))
    assert account.main(["first", "alone"], {**empty.environ, "CDK_FAILS": "1"}) == 1
    assert "`cdk deploy` ended with 1; it says why above" in last(capfd.readouterr().err)
    assert not empty.stacks()
    assert empty.file.read_text() == '[alone]\nalarm-address = "a@b.example"\n'
    stored = empty.deployed.client("ssm").get_parameter(Name="/whisper/alone/alarm-address")
    assert stored["Parameter"]["Value"] == "a@b.example"
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert account.main(["first", "alone"], empty.environ) == 0, capfd.readouterr().err
    assert {"Network", "Registry", "Recordings", "Cluster", "Api", "Batch", "Monitoring"} <= empty.stacks()
    assert not {"People", "Delivery", "Gate"} & empty.stacks()
    assert empty.deployed.client("iam").list_roles(PathPrefix="/aws-service-role/ecs.amazonaws.com/")["Roles"]
    (build,) = [call for call in empty.calls("docker") if call[:2] == ["buildx", "build"]]
    assert build[build.index("--tag") + 1].endswith(f":{COMMIT}")
    steps = [call[0] for call in empty.calls("cdk")]
    assert [step for step in steps if step != "--version"] == ["bootstrap", "deploy", "bootstrap", "deploy", "deploy"]
    assert f"the image of {COMMIT}." in last(capfd.readouterr().err)


def test_without_a_terminal_everything_that_is_missing_is_listed_and_nothing_changes(
    empty: Empty, capfd: pytest.CaptureFixture[str]
) -> None:
    """One list, before the account is touched."""
    (Path(empty.environ["PATH"]) / "docker").unlink()
    assert account.main(["first", "alone"], empty.environ) == 1
    said = capfd.readouterr().err
    missing = [line for line in said.splitlines() if line.startswith("missing")]
    assert [line.split()[1] for line in missing] == ["tools", "tools", "parameters"]
    assert "3 of " in last(said)
    assert last(said).startswith("first alone: refused: ")
    assert not empty.stacks()
    assert not empty.file.exists()
    assert not empty.deployed.client("ssm").describe_parameters()["Parameters"]
    assert not empty.deployed.client("iam").list_roles(PathPrefix="/aws-service-role/ecs.amazonaws.com/")["Roles"]


@pytest.mark.verify
def test_image_comes_from_another_registry_if_it_is_named(
    empty: Empty, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is built, and an image for another processor is refused before it is copied."""
    deployed: list[str] = []
    monkeypatch.setattr(rollout, "deploy", lambda _, digest: deployed.append(digest))
    empty.file.write_text('[alone]\nalarm-address = "a@b.example"\n')
    command, reference = ["first", "alone", "--image"], "registry.example/whisper:1"
    assert account.main([*command, reference], {**empty.environ, "INSPECTED": '{"architecture": "arm64"}'}) == 1
    assert last(capfd.readouterr().err) == (
        f"first alone: refused: image: got {reference} for arm64, expected one for amd64, the processor of alone"
    )
    platforms = '{"linux/amd64": {"architecture": "amd64"}, "linux/arm64": {"architecture": "arm64"}}'
    assert account.main([*command, reference], {**empty.environ, "INSPECTED": platforms}) == 0
    made = [call[:3] for call in empty.calls("docker") if call[0] == "buildx" and call[1] != "version"]
    assert ["buildx", "imagetools", "create"] in made
    assert not [call for call in made if call[1] == "build"]
    assert deployed[0].startswith("sha256:")


def test_way_is_made_for_the_stacks_before_they_are_created(empty: Empty, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role of ECS is there, and creates that failed are recovered, of the services, too, which come later."""
    recovered: list[str] = []
    empty.file.write_text('[alone]\nalarm-address = "a@b.example"\n')

    def cdk(*command: str, **_: object) -> None:
        if command[1] == "deploy":
            raise Refused("as far as this test goes")

    monkeypatch.setattr(first_deploy, "run", cdk)
    monkeypatch.setattr(first_create, "recover", lambda _, __, stacks: recovered.extend(s.path for s in stacks))
    with pytest.raises(Refused, match="as far as"):
        first_deploy.first(empty.deployed, empty.environ, terminal=io.StringIO())
    assert empty.deployed.client("iam").list_roles(PathPrefix="/aws-service-role/ecs.amazonaws.com/")["Roles"]
    assert {"alone/Network", "alone/Recordings", "alone/Api", "alone/Batch"} <= {*recovered}
