"""The first deploy into an empty account, and an environment's end, in the emulator as far as it goes."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from delivery import account, first_create, rollout
from delivery.assembly import Assembly
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused
from local import emulator
from local.deploy import STACKS
from local.emulator import Emulator
from tests.emulated import create_stack
from tests.stacks.factory import REGION
from tests.stacks.synthesis import Template

synthesize_with_the_cdk = rollout.synthesize


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An account with nothing in it."""
    folder = tmp_path_factory.mktemp("account")
    try:
        yield emulator.start(folder)
    finally:
        emulator.stop(folder)


@pytest.fixture(autouse=True)
def synthesized(
    templates: Mapping[str, Template], line: Mapping[str, Template], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read the stacks that the test run has synthesized; one test below runs the CDK."""
    made = {**templates, **line}
    monkeypatch.setattr(
        rollout, "synthesize", lambda deployed: Assembly.read(made[f"{deployed.name}/Network"].path.parent)
    )


@pytest.fixture
def environ(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The variables of a person who works there."""
    own = aws.environ() | {"AWS_DEFAULT_REGION": REGION, "CDK_HOME": str(aws.folder / "cdk")}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return own


def committed(*command: str, **_: object) -> list[str]:
    """Git's answers for a clean tree."""
    return ["0" * 40] if "rev-parse" in command else []


def last(said: str) -> str:
    """The last line that was said."""
    return said.splitlines()[-1]


def stacks(deployed: DeployedEnvironment) -> set[str]:
    """Stacks of the environment that are there, by name."""
    pages = deployed.client("cloudformation").get_paginator("describe_stacks").paginate()
    found = {stack["StackName"] for page in pages for stack in page["Stacks"] if "DELETE" not in stack["StackStatus"]}
    return {name for name in found if name.startswith("whisper-")}


def test_first_deploy_without_the_accounts_parameters_changes_nothing(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """All that are missing are named at once, before the account is touched."""
    monkeypatch.setattr(account, "lines", committed)
    assert account.main(["first", "forge"], environ) == 1
    said = last(capfd.readouterr().err)
    assert said.startswith("first forge: refused: SSM parameters: got none named /whisper/forge/alarm-address, ")
    assert "/whisper/forge/source-connection-arn" in said
    assert "/whisper/forge/queue-name" not in said
    assert not stacks(DeployedEnvironment.named("forge", environ))


def test_first_deploy_of_what_no_commit_has_is_refused(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A deployed version must be in the history."""
    monkeypatch.setattr(account, "lines", lambda *_, **__: [" M app.py", "?? new.py"])
    assert account.main(["first", "forge"], environ) == 1
    assert last(capfd.readouterr().err) == ("first forge: refused: git: got 2 uncommitted files, expected a clean tree")


def test_unknown_environment_is_refused_before_anything_is_asked(capfd: pytest.CaptureFixture[str]) -> None:
    """A typo needs no credentials to be found."""
    assert account.main(["destroy", "lve"], {}) == 1
    assert "environment: got 'lve', expected one of forge, " in capfd.readouterr().err


@pytest.mark.parametrize(("name", "synthesize"), [("local", synthesize_with_the_cdk), ("trial", None)])
def test_what_needs_no_image_comes_first(
    environ: Mapping[str, str], name: str, synthesize: Callable[[DeployedEnvironment], Assembly] | None
) -> None:
    """No stack waits for an image that only a stack after it can make, with the CDK's own synth and with a gate."""
    assembly = (synthesize or rollout.synthesize)(DeployedEnvironment.named(name, environ))
    early = {stack.path for stack in assembly.without_image()}
    assert {f"{name}/{stack}" for stack in ("Registry", "Network", "Delivery", "Recordings")} <= early
    assert not early & {f"{name}/{stack}" for stack in ("Api", "Batch", "Monitoring", "Gate")}
    for path in early:
        assert assembly.stacks[path].needs <= early


def test_accounts_parameters_are_those_that_no_stack_makes(environ: Mapping[str, str]) -> None:
    """The parameters that a person provides are read from the templates."""
    expected = rollout.synthesize(DeployedEnvironment.named("live", environ)).expected
    assert "/whisper/live/certificate-arn" in expected
    assert not {name for name in expected if name.endswith(("-bucket", "queue-name", "repository-name"))}


@pytest.mark.parametrize("confirmed", ["", "live"])
def test_end_without_the_name_once_more_changes_nothing(
    environ: Mapping[str, str], capfd: pytest.CaptureFixture[str], confirmed: str
) -> None:
    """Recordings are not deleted by a finger that slips."""
    assert account.main(["destroy", "forge", "--confirm", confirmed], environ) == 1
    assert f"--confirm: got '{confirmed}', expected 'forge'" in capfd.readouterr().err


def test_production_has_no_such_end(environ: Mapping[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing that a script does deletes the calls of production."""
    assert account.main(["destroy", "live", "--confirm", "live"], environ) == 1
    assert "live: got production, expected another" in capfd.readouterr().err


def test_end_deletes_what_is_in_the_buckets_and_every_stack_and_does_nothing_again(
    aws: Emulator, environ: Mapping[str, str], templates: Mapping[str, Template], capfd: pytest.CaptureFixture[str]
) -> None:
    """Recordings with all their versions, transcripts, queues, images: everything that was deployed is gone."""
    deployed = DeployedEnvironment.named("local", environ)
    names = {deployed.environment.stack_name(stack): f"local/{stack}" for stack in STACKS}
    for name, path in names.items():
        create_stack(deployed.session, aws.url, name=name, template=templates[path].body)
    assert stacks(deployed) == set(names)
    outputs = deployed.outputs("Recordings")
    s3 = deployed.client("s3")
    for bucket in (outputs["RecordingsBucket"], outputs["TranscriptsBucket"]):
        for body in (b"1", b"2"):
            s3.put_object(Bucket=bucket, Key="call.wav", Body=body)
        s3.delete_object(Bucket=bucket, Key="call.wav")
    logs, prefix = deployed.client("logs"), deployed.environment.stack_name("")
    beside = (f"/aws/lambda/{prefix}Network-f", f"/aws/ecs/containerinsights/{prefix}Cluster-c/performance")
    others = "/aws/lambda/another-application"
    for name in (*beside, others):
        logs.create_log_group(logGroupName=name)
    for _ in range(2):
        assert account.main(["destroy", "local", "--confirm", "local"], environ) == 0
        assert not stacks(deployed)
    left = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert not left & {outputs["RecordingsBucket"], outputs["TranscriptsBucket"]}
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == [others]
    assert "local is gone." in capfd.readouterr().err


def test_first_deploy_makes_way_for_the_stacks_before_it_creates_them(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role of ECS is there, and creates that failed are unprotected, of the services, too, which come later."""
    unprotected: list[str] = []

    def cdk(*command: str, **_: object) -> None:
        if command[1] == "deploy":
            raise Refused("as far as this test goes")

    deployed = DeployedEnvironment.named("live", environ)
    monkeypatch.setattr(account, "lines", committed)
    monkeypatch.setattr(account, "run", cdk)
    monkeypatch.setattr(account, "_missing", lambda *_: [])
    monkeypatch.setattr(first_create, "unprotect", lambda _, stacks: unprotected.extend(stacks))
    with pytest.raises(Refused, match="as far as"):
        account.first(deployed, environ)
    assert deployed.client("iam").list_roles(PathPrefix="/aws-service-role/ecs.amazonaws.com/")["Roles"]
    assert {"Network", "Recordings", "Api", "Batch"} <= {*unprotected}


def test_step_of_the_cdk_that_fails_stops_the_first_deploy(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later steps depend on it."""
    asked: list[str] = []

    def cdk(*command: str, **_: object) -> None:
        asked.append(command[1])
        if command[1] == "bootstrap":
            raise Refused("`cdk bootstrap` ended with 1; it says why above")

    deployed = DeployedEnvironment.named("local", environ)
    monkeypatch.setattr(account, "lines", committed)
    monkeypatch.setattr(account, "run", cdk)
    monkeypatch.setattr(rollout, "synthesize", lambda _: Assembly(Path(), {}))
    with pytest.raises(Refused, match="cdk bootstrap"):
        account.first(deployed, environ)
    assert asked == ["bootstrap"]
