"""A version is deployed, checked, and rolled back if the check fails."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from delivery import rollout
from delivery.assembly import synthesized
from delivery.deployed import DeployedEnvironment
from delivery.health import problems, ringing
from delivery.programs import Refused
from delivery.rollout import Pace, deploy, release
from tests.delivery.cloud import NEW, OLD, Cloud

COMMIT = "a" * 40
BRISK = Pace(settle_s=5, watch_s=0.2, poll_s=0.05)


@pytest.fixture
def environ(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """The environment of a build, and production as it was before."""
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    yield cloud.environ
    for alarm in alarms(cloud):
        cloud.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="a test")
    deploy(DeployedEnvironment.named("live", cloud.environ), OLD)
    cloud.calls("cdk")


def alarms(cloud: Cloud) -> list[str]:
    """The alarms of production that the emulator keeps."""
    described = cloud.client("cloudformation").describe_stack_resources(StackName="whisper-live-Monitoring")
    return [
        resource["PhysicalResourceId"]
        for resource in described["StackResources"]
        if resource["ResourceType"] == "AWS::CloudWatch::Alarm"
    ]


def running(environ: Mapping[str, str]) -> set[str]:
    """The digests that production runs."""
    deployed = DeployedEnvironment.named("live", environ)
    return {deployed.digest(stack) for stack in ("Api", "Batch")}


def deployed(cloud: Cloud) -> list[set[str]]:
    """The digests of each deploy."""
    calls = [call for call in cloud.calls("cdk") if call[0] == "deploy"]
    return [{part.partition("=")[2] for part in call if ":ImageDigest=" in part} for call in calls]


def test_every_stack_with_tasks_gets_the_digest_and_no_pipeline_is_touched(cloud: Cloud) -> None:
    """A new image always reaches the service; a commit does not change the pipeline that checks it."""
    cloud.calls("cdk")
    assert cloud.step("deploy", "trial", COMMIT, NEW)[:2] == (0, NEW)
    synth, call = cloud.calls("cdk")
    assert synth[:4] == ["synth", "--quiet", "--context", "environment=trial"]
    stacks = {part for part in call if part.startswith("trial/")}
    assert {"trial/Api", "trial/Batch", "trial/Gate", "trial/Network"} <= stacks
    assert "trial/Delivery" not in stacks
    assert "--exclusively" in call
    images = {part for part in call if "ImageDigest" in part}
    assert images == {f"whisper-trial-{stack}:ImageDigest={NEW}" for stack in ("Api", "Batch", "Gate", "Watch")}


def test_no_synth_writes_into_the_folder_of_another(cloud: Cloud) -> None:
    """A release beside `make doctor` in the same checkout: each reads what its own synth wrote."""
    first, second = (synthesized("trial", cloud.environ) for _ in range(2))
    assert first.folder != second.folder
    assert first.stacks == second.stacks
    cloud.calls("cdk")


def test_deploy_that_fails_stops_with_one_line(cloud: Cloud) -> None:
    """The CDK says why, above."""
    code, digest, log = cloud.step("deploy", "trial", COMMIT, NEW, CDK_FAILS="1")
    assert (code, digest) == (1, "")
    assert log.splitlines()[-1] == "deploy trial: refused: `cdk deploy` ended with 1; it says why above"


def test_version_that_works_stays(cloud: Cloud, environ: Mapping[str, str]) -> None:
    """Its tasks run, the load balancer reaches them, and no alarm rings."""
    cloud.calls("cdk")
    release(DeployedEnvironment.named("live", environ), NEW, BRISK)
    assert running(environ) == {NEW}
    assert deployed(cloud) == [{NEW}]


def test_alarm_that_rings_after_the_deploy_takes_the_version_back(
    cloud: Cloud, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest before runs again, and the release has failed."""
    alarm = alarms(cloud)[0]
    monkeypatch.setenv("RINGS", alarm)
    cloud.calls("cdk")
    with pytest.raises(Refused) as failure:
        release(DeployedEnvironment.named("live", {**environ, "RINGS": alarm}), NEW, BRISK)
    assert str(failure.value) == f"alarms ring since the deploy: {alarm}; live runs {OLD} again"
    assert running(environ) == {OLD}
    assert deployed(cloud) == [{NEW}, {OLD}]


def test_alarm_that_rang_before_is_not_held_against_the_version(cloud: Cloud, environ: Mapping[str, str]) -> None:
    """The version that cures an alarm must be deployable while it rings."""
    cloud.client("cloudwatch").set_alarm_state(AlarmName=alarms(cloud)[0], StateValue="ALARM", StateReason="a test")
    release(DeployedEnvironment.named("live", environ), NEW, BRISK)
    assert running(environ) == {NEW}


def test_registry_keeps_what_runs_and_what_comes(cloud: Cloud, environ: Mapping[str, str]) -> None:
    """However many images follow: both are tagged before the deploy, so that no rule expires them."""
    production = DeployedEnvironment.named("live", environ)
    deploy(production, NEW)
    assert {"running-api", "running-batch"} <= cloud.tags("live", OLD)
    assert "running-next" in cloud.tags("live", NEW)
    deploy(production, NEW)
    assert {"running-api", "running-batch", "running-next"} <= cloud.tags("live", NEW)
    assert not {tag for tag in cloud.tags("live", OLD) if tag.startswith("running-")}


def test_deploy_during_another_one_is_refused(environ: Mapping[str, str], cloud: Cloud) -> None:
    """A second release does not cut into the first: one line names the stack and its state."""

    class Changing(DeployedEnvironment):
        """Production while another program deploys its API."""

        def status(self, stack: str) -> str:
            return "UPDATE_IN_PROGRESS" if stack == "Api" else super().status(stack)

    cloud.calls("cdk")
    with pytest.raises(Refused, match=r"^whisper-live-Api: got UPDATE_IN_PROGRESS, expected no change in progress"):
        deploy(Changing(DeployedEnvironment.named("live", environ).environment, environ), NEW)
    assert deployed(cloud) == []


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ExpiredToken", "Message": "it has expired"}}, "DescribeAlarms"),
        pytest.param(EndpointConnectionError(endpoint_url="an endpoint"), marks=pytest.mark.verify),
    ],
    ids=lambda error: type(error).__name__,
)
def test_check_that_cannot_be_made_takes_the_version_back(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """AWS that refuses or does not answer is no sign of health."""
    answers = iter([set[str]()])

    def ringing(_: DeployedEnvironment) -> set[str]:
        for known in answers:
            return known
        raise error

    monkeypatch.setattr(rollout, "ringing", ringing)
    with pytest.raises(Refused, match=f"; live runs {OLD} again$"):
        release(DeployedEnvironment.named("live", environ), NEW, BRISK)
    assert running(environ) == {OLD}


def test_way_back_that_fails_is_said_in_the_same_line(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody believes that the version before runs if it does not."""

    def stuck(*_: object) -> None:
        raise Refused("`git worktree` ended with 1")

    monkeypatch.setattr(rollout, "_restore", stuck)
    with pytest.raises(Refused, match=f"live could not go back to {OLD}: `git worktree` ended with 1$"):
        release(DeployedEnvironment.named("live", {**environ, "CDK_FAILS": "1"}), NEW, BRISK)


def test_watch_survives_stacks_that_are_not_there(environ: Mapping[str, str]) -> None:
    """Before the first release there is neither an alarm nor a service: no alarm rings, and the services are missed."""

    class Empty(DeployedEnvironment):
        def status(self, stack: str) -> str:
            return "" if stack in ("Api", "Batch", "Monitoring") else super().status(stack)

    empty = Empty(DeployedEnvironment.named("live", environ).environment, environ)
    assert ringing(empty) == set()
    assert problems(empty, NEW) == ["Api is not there", "Batch is not there"]


def test_tasks_that_do_not_come_up_take_the_version_back(environ: Mapping[str, str]) -> None:
    """A service that asks for more tasks than it gets has not settled."""
    group = DeployedEnvironment.named("live", environ).resources("Api", "AWS::ElasticLoadBalancingV2::TargetGroup")[0]
    deployed = DeployedEnvironment.named("live", environ)

    class Unreached:
        """A load balancer whose targets never answer: the emulator's always do."""

        def describe_target_health(self, **asked: str) -> dict[str, object]:
            assert asked == {"TargetGroupArn": group}
            return {"TargetHealthDescriptions": [{"TargetHealth": {"State": "unhealthy"}}]}

    class Broken(DeployedEnvironment):
        """Production with this load balancer."""

        def client(self, service: str) -> object:
            return Unreached() if service == "elbv2" else super().client(service)

    with pytest.raises(Refused) as failure:
        release(Broken(deployed.environment, environ), NEW, BRISK)
    assert "not settled after 5 s: 1 of 1 API tasks are unhealthy" in str(failure.value)
    assert str(failure.value).endswith(f"live runs {OLD} again")
    assert running(environ) == {OLD}


def test_version_before_comes_back_as_it_was_with_its_own_stacks(
    cloud: Cloud, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The commit that its image is tagged with is checked out, installed, and deploys itself."""
    commit = repository(tmp_path)
    before = cloud.push("live", commit)
    deploy(DeployedEnvironment.named("live", environ), before)
    more = {"GIT_DIR": str(tmp_path / ".git"), "RINGS": alarms(cloud)[0], "SAID": str(tmp_path / "said")}
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    cloud.calls("cdk")
    with pytest.raises(Refused, match=f"live runs {before} again"):
        release(DeployedEnvironment.named("live", {**environ, **more}), NEW, BRISK)
    assert (tmp_path / "said").read_text().split() == ["deploy", "live", commit, before]
    # Only the release's own deploy was made from here.
    assert deployed(cloud) == [{NEW}]


@pytest.mark.parametrize(
    ("digests", "state", "says"),
    [
        (
            {"Api": OLD, "Batch": OLD, "Watch": OLD},
            "UPDATE_COMPLETE",
            f"live runs {OLD} again, but that version did not",
        ),
        ({"Api": OLD, "Batch": NEW, "Watch": OLD}, "UPDATE_COMPLETE", f"live could not go back to {OLD}: "),
        ({"Api": OLD, "Batch": OLD, "Watch": OLD}, "UPDATE_IN_PROGRESS", f"live could not go back to {OLD}: "),
    ],
    ids=["deployed", "in part", "unfinished"],
)
def test_version_before_that_is_deployed_but_whose_own_golden_call_fails_runs_again(
    environ: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    digests: Mapping[str, str],
    state: str,
    says: str,
) -> None:
    """The line tells a stack that did not go back from a version that came back and did not prove itself."""

    class After(DeployedEnvironment):
        """Production as the step of the version before leaves it, which ends with 1 after its deploy."""

        def status(self, stack: str) -> str:
            return state if stack in digests else ""

        def digest(self, stack: str) -> str:
            return digests[stack]

    def deploy(*_: object) -> None:
        raise Refused("golden call: it did not come back")

    commit = repository(tmp_path, code=1)
    monkeypatch.setattr(rollout, "deploy", deploy)
    monkeypatch.setattr(rollout, "commit_of", lambda *_: commit)
    more = {"GIT_DIR": str(tmp_path / ".git"), "SAID": str(tmp_path / "said")}
    after = After(DeployedEnvironment.named("live", environ).environment, {**environ, **more})
    with pytest.raises(Refused) as failure:
        release(after, NEW, BRISK)
    assert (tmp_path / "said").read_text().split() == ["deploy", "live", commit, OLD]
    assert str(failure.value).startswith(f"golden call: it did not come back; {says}")
    assert str(failure.value).endswith("`python -m` ended with 1; it says why above")


def test_same_image_again_has_nothing_to_go_back_to(
    cloud: Cloud, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says so, instead of deploying the failure once more."""
    alarm = alarms(cloud)[0]
    monkeypatch.setenv("RINGS", alarm)
    cloud.calls("cdk")
    with pytest.raises(Refused, match="there is nothing to go back to"):
        release(DeployedEnvironment.named("live", {**environ, "RINGS": alarm}), OLD, BRISK)
    assert deployed(cloud) == [{OLD}]


def test_first_release_that_does_not_work_has_nothing_to_go_back_to(environ: Mapping[str, str]) -> None:
    """An environment without services takes its first image by a release, too."""

    class New(DeployedEnvironment):
        def status(self, stack: str) -> str:
            return "" if stack == "Api" else super().status(stack)

    deployed = DeployedEnvironment.named("live", environ)
    with pytest.raises(Refused, match="live ran nothing before: there is nothing to go back to"):
        release(New(deployed.environment, {**environ, "CDK_FAILS": "1"}), NEW, BRISK)


def repository(folder: Path, *, code: int = 0) -> str:
    """A repository whose one commit installs a Python and deploys by writing down how it was asked; the commit.

    Its step ends with `code`.
    """
    (folder / "delivery").mkdir()
    (folder / "delivery" / "__init__.py").touch()
    program = 'import os, pathlib, sys\npathlib.Path(os.environ["SAID"]).write_text(" ".join(sys.argv[1:]))\n'
    program += f"sys.exit({code})\n"
    (folder / "delivery" / "__main__.py").write_text(program)
    (folder / "Makefile").write_text(
        "install:\n\t@mkdir -p .venv/bin\n"
        f"\t@printf '#!/bin/sh\\nexec {sys.executable} \"$$@\"\\n' > .venv/bin/python\n\t@chmod +x .venv/bin/python\n"
    )
    names = ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false")
    for command in (("init", "--quiet"), ("add", "."), (*names, "commit", "--quiet", "--message", "a")):
        subprocess.run(["git", *command], cwd=folder, check=True)
    result = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
    return result.stdout.strip()
