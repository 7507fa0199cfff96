"""All that a first deploy needs, as the account and the machine answer: for a person, for a program, and offline."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.stub import Stubber

import stacks.environments.selection
from delivery import account, account_checks, account_file, doctor, machine
from delivery.assembly import Assembly
from delivery.deployed import DeployedEnvironment
from delivery.findings import Finding, State
from delivery.states import check as check_stacks
from local.emulator import Emulator
from stacks.environments import Environment, NetworkPlan
from tests.delivery.empty import ALONE, ANSWERS, COMMIT, programs, running, variables
from tests.stacks.factory import FORGE, LINE, REGION, TRIAL
from tests.stacks.synthesis import Template

ADDRESS = '[alone]\nalarm-address = "a@b.example"\n'
CONNECTION = f"arn:aws:codeconnections:{REGION}:123456789012:connection/01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An account with nothing in it."""
    with running(tmp_path_factory.mktemp("doctor")) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, alone: Mapping[str, Template], tmp_path: Path) -> Path:
    """The environments, one person's among them, whose stacks are synthesized already; the file of the account's values."""
    monkeypatch.setattr(stacks.environments.selection, "environments", lambda: (*LINE, ALONE))
    folder = alone["alone/Network"].path.parent
    monkeypatch.setattr(doctor, "synthesized", lambda *_: Assembly.read(folder))
    monkeypatch.setattr(account_file, "FILE", tmp_path / "account.toml")
    return tmp_path / "account.toml"


@pytest.fixture
def environ(aws: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The variables of a person whose machine has every tool, and whose tree is clean."""
    tools = programs(tmp_path / "programs", {**ANSWERS, "cdk": "print('2.0')"})
    own = variables(aws) | {"PATH": tools}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return own


def says(found: list[Finding], check: str, state: State) -> list[str]:
    """The lines of a check that has this answer."""
    return [each.says for each in found if (each.check, each.state) == (check, state)]


def test_empty_account_lacks_what_a_person_must_give_only(environ: Mapping[str, str], known: Path) -> None:
    """Things that a first deploy makes are for later, and a service that the emulator lacks is told as unknown."""
    found = doctor.examine(ALONE, environ)
    assert [(each.check, each.says) for each in found if each.state is State.MISSING] == [
        (
            "parameters",
            (
                "alone.alarm-address: got none in account.toml and none in SSM, expected an e-mail address such as"
                " calls@example.com: e-mail address that alarms go to; AWS asks it to confirm"
            ),
        )
    ]
    assert {each.check for each in found if each.state is State.LATER} == {"bootstrap", "ECS role"}
    assert {each.check for each in found if each.state is State.UNKNOWN} == {"quotas"}
    known.write_text(ADDRESS)
    found = doctor.examine(ALONE, environ)
    assert not [each for each in found if each.state is State.MISSING]
    assert says(found, "parameters", State.LATER) == ["/whisper/alone/alarm-address: from account.toml"]
    assert says(found, "zones", State.OK) == [f"{REGION}a, {REGION}b"]
    assert says(found, "commit", State.OK) == [f"a clean tree at {COMMIT}"]


def test_answer_is_for_people_for_programs_and_for_scripts(
    environ: Mapping[str, str], known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each finding, or one JSON object; 1 if something is missing, else 0."""
    assert account.main(["doctor", "alone"], environ) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "alone:"
    assert any(line.startswith("missing  parameters   alone.alarm-address: got none") for line in lines)
    known.write_text(ADDRESS)
    assert account.main(["doctor", "alone", "--json"], environ) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["alone"]["ready"] is True
    assert {"check": "zones", "state": "ok", "says": f"{REGION}a, {REGION}b"} in printed["alone"]["findings"]


def test_without_credentials_it_says_so_and_checks_the_rest(
    environ: Mapping[str, str], known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine, the repository and the file need no account."""
    known.write_text("[alone]\nalarm-address = 1\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    found = doctor.examine(ALONE, environ)
    (credentials,) = says(found, "credentials", State.MISSING)
    assert credentials.startswith("Unable to locate credentials; expected credentials of an administrator")
    (wrong,) = says(found, "parameters", State.MISSING)
    assert wrong.startswith("account.toml:2: alone.alarm-address: got '1', expected an e-mail address")
    assert says(found, "tools", State.OK)
    assert not {"zones", "quotas", "stacks"} & {each.check for each in found}


def test_value_that_differs_from_the_account_is_told_with_both(environ: Mapping[str, str], known: Path) -> None:
    """A first deploy overwrites nothing that another person has written."""
    known.write_text(ADDRESS)
    ssm, name = DeployedEnvironment.named("alone", environ).client("ssm"), "/whisper/alone/alarm-address"
    ssm.put_parameter(Name=name, Value="c@d.example", Type="String")
    try:
        (line,) = says(doctor.examine(ALONE, environ), "parameters", State.MISSING)
    finally:
        ssm.delete_parameter(Name=name)
    assert line == (
        "alone.alarm-address: got a@b.example in account.toml and c@d.example in SSM, expected the same:"
        " `make parameters ENV=alone` writes the file's"
    )


def test_zone_that_the_account_lacks_is_named_with_those_that_it_has(environ: Mapping[str, str]) -> None:
    """A new account lacks some letters of a region."""
    deployed = DeployedEnvironment.named("alone", environ)
    deployed.environment = replace(ALONE, network=NetworkPlan(cidr="10.1.48.0/20", zones=("a", "f")))
    (finding,) = account_checks.zones(deployed)
    assert finding.state is State.MISSING
    assert finding.says == f"got no {REGION}f, expected alone.network.zones among those that the account has: a, b, c"


@pytest.mark.parametrize(("status", "state"), [("AVAILABLE", State.OK), ("PENDING", State.MISSING)])
def test_connection_needs_its_handshake(environ: Mapping[str, str], status: str, state: State) -> None:
    """Until a person accepts it in the console, the pipeline's first step fails."""
    deployed = DeployedEnvironment.named("forge", environ)
    client = deployed.session.client("codeconnections", region_name=REGION)
    with Stubber(client) as stub, pytest.MonkeyPatch.context() as patch:
        answer = {"Connection": {"ConnectionArn": CONNECTION, "ConnectionStatus": status}}
        stub.add_response("get_connection", answer, {"ConnectionArn": CONNECTION})
        patch.setattr(deployed.session, "client", lambda *_, **__: client)
        (finding,) = account_checks.connection(deployed, CONNECTION)
    assert finding.state is state
    assert ("Update pending connection" in finding.says) == (state is State.MISSING)


def test_certificate_must_be_of_the_region_and_issued(environ: Mapping[str, str]) -> None:
    """A load balancer takes no other."""
    deployed = DeployedEnvironment.named("live", environ)
    (elsewhere,) = account_checks.certificate(deployed, "arn:aws:acm:us-east-1:123456789012:certificate/0")
    assert elsewhere.state is State.MISSING
    assert f"expected a certificate of {REGION}" in elsewhere.says
    arn = deployed.client("acm").request_certificate(DomainName="speech.example.com")["CertificateArn"]
    (issued,) = account_checks.certificate(deployed, arn)
    assert issued.state is State.OK


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("CREATE_COMPLETE", None),
        ("UPDATE_ROLLBACK_COMPLETE", None),
        ("ROLLBACK_COMPLETE", State.LATER),
        ("ROLLBACK_FAILED", State.LATER),
        ("REVIEW_IN_PROGRESS", State.LATER),
        ("UPDATE_ROLLBACK_FAILED", State.LATER),
        ("UPDATE_IN_PROGRESS", State.MISSING),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", State.MISSING),
        ("DELETE_FAILED", State.MISSING),
    ],
)
def test_state_of_a_stack_is_fine_or_recovered_or_waits_for_a_person(status: str, state: State | None) -> None:
    """A state that the next deploy mends is for later; another deploy that runs must end first."""
    found = list(
        check_stacks(["whisper-alone-Api", "whisper-alone-Batch"], {"whisper-alone-Api": status, "other": "x"})
    )
    assert [each.state for each in found] == [*([state] if state else []), State.OK]
    assert found[-1].says == "1 are deployed"


def test_tool_that_is_missing_is_named_with_its_source(environ: Mapping[str, str], tmp_path: Path) -> None:
    """Docker is needed only if an image is built or copied here."""
    (tmp_path / "programs" / "docker").unlink()
    for environment, needs in ((FORGE, False), (TRIAL, True), (ALONE, True)):
        missing = says(list(machine.tools(environment, environ)), "tools", State.MISSING)
        assert bool(missing) == needs
        assert all(line.startswith("docker") for line in missing)


def test_model_without_a_lock_is_found_before_the_pipeline_refuses_it() -> None:
    """The line has the command that locks it."""
    (unlocked,) = machine.lock(FORGE)
    assert unlocked.state is State.MISSING
    assert "model lock small" in unlocked.says
    (locked,) = machine.lock(replace(FORGE, settings=replace(FORGE.settings, model="base")))
    assert locked.state is State.OK
    assert not list(machine.lock(ALONE))


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, and an empty remote."""
    for command in (
        ("init", "--quiet", "--bare", "remote.git"),
        ("init", "--quiet", "clone"),
        ("-C", "clone", "remote", "add", "origin", str(tmp_path / "remote.git")),
        (
            "-C",
            "clone",
            *[
                "-c",
                "user.name=Me",
                "-c",
                "user.email=me@b.example",
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                "First",
            ],
        ),
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(machine, "ROOT", tmp_path / "clone")
    return tmp_path / "clone"


def commit_of(environment: Environment) -> tuple[State, str]:
    """The finding on the commit and the branch that the pipeline follows."""
    *_, last = machine.repository(environment, os.environ)
    return last.state, last.says


def test_commit_must_be_on_the_branch_that_the_pipeline_follows(clone: Path) -> None:
    """The pipeline would build another commit, or none."""
    git = ["git", "-C", str(clone), "-c", "user.name=Me", "-c", "user.email=me@b.example"]
    assert commit_of(FORGE) == (
        State.MISSING,
        "origin: got no branch main, expected it: `git push origin HEAD:main`",
    )
    subprocess.run([*git, "push", "--quiet", "origin", "HEAD:refs/heads/main"], check=True)
    assert commit_of(FORGE)[0] is State.OK
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "Second"], check=True)
    assert commit_of(FORGE) == (
        State.MISSING,
        "origin/main: got a branch without it, expected `git push origin HEAD:main`",
    )
    (clone / "file").touch()
    assert "got 1 uncommitted files" in next(machine.repository(ALONE, os.environ)).says
    subprocess.run([*git, "remote", "remove", "origin"], check=True)
    assert commit_of(FORGE)[0] is State.MISSING
