"""A golden call is sent with the new image, and its end decides about the deployment."""

from collections.abc import Iterator, Mapping

import pytest

import delivery.proof
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused
from delivery.proof import prove
from delivery.rollout import Pace, deploy, release
from tests.delivery.cloud import NEW, OLD, Cloud
from tests.delivery.tasks import EndedTasks

LINE = "canary: passed: the golden call came back after 412 s; 3% of its words (en) are wrong"


def watched(environ: Mapping[str, str], *, code: int | None) -> EndedTasks:
    """The environment whose canary ends with a code."""
    return EndedTasks(environ, name="live", stack="Watch", logs="CanaryLogs", verb="canary", line=LINE, code=code)


@pytest.fixture
def environ(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """The environment of a build; its environment has the new image; no task of another test runs."""
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    assert cloud.step("deploy", "live", "a" * 40, NEW)[0] == 0
    yield cloud.environ
    live = DeployedEnvironment.named("live", cloud.environ)
    deploy(live, OLD)
    cloud.calls("cdk")
    cluster, ecs = live.outputs("Watch")["Cluster"], cloud.client("ecs")
    for task in ecs.list_tasks(cluster=cluster)["taskArns"]:
        ecs.stop_task(cluster=cluster, task=task)


def test_call_that_comes_back_proves_the_deployment(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The task's line is in the log of the step; recordings are compared with their results meanwhile."""
    live = watched(environ, code=0)
    prove(live, NEW, poll_s=0.01)
    stack = live.outputs("Watch")
    assert [request["taskDefinition"] for request in live.requests] == [stack["CanaryTask"], stack["ReconcileTask"]]
    log = capsys.readouterr().err
    assert LINE in log
    assert log.splitlines()[-1] == f"live has worked with {NEW}: the golden call is through."


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (1, "golden call: it did not come back with its words; the line above says why"),
        (2, "golden call: AWS did not take it, or did not answer; the line above says why"),
        (137, "golden call: the task ended with 137, expected 0, 1 or 2"),
        (None, "golden call: the task did not run (CannotPullContainerError)"),
    ],
)
def test_other_end_is_no_proof(environ: Mapping[str, str], code: int | None, says: str) -> None:
    """Late, wrong, refused, killed or never started."""
    with pytest.raises(Refused) as failure:
        prove(watched(environ, code=code), NEW, poll_s=0.01)
    assert str(failure.value) == says


def test_task_of_another_image_is_not_started(environ: Mapping[str, str]) -> None:
    """It would prove another version than the one deployed."""
    live = watched(environ, code=0)
    with pytest.raises(Refused, match=f"golden call: got a task of {NEW}, expected {OLD}"):
        prove(live, OLD, poll_s=0.01)
    assert not live.requests


def test_every_deploy_is_proven(cloud: Cloud, environ: Mapping[str, str], proofs: list[str]) -> None:
    """That of a commit, and that of a release; a person can ask for it again."""
    assert environ
    proofs.clear()
    assert cloud.step("deploy", "live", "a" * 40, NEW)[:2] == (0, NEW)
    assert proofs == [NEW]


def test_release_without_proof_goes_back(environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The version before runs again; with no task at work, nothing else would have told."""

    def fail(_: DeployedEnvironment, digest: str, **__: float) -> None:
        raise Refused(f"golden call: it did not come back ({digest})")

    monkeypatch.setattr(delivery.proof, "prove", fail)
    live = DeployedEnvironment.named("live", environ)
    deploy(live, OLD)
    with pytest.raises(Refused, match=f"did not come back .{NEW}.; live runs {OLD} again$"):
        release(live, NEW, Pace(settle_s=5, watch_s=0.2, poll_s=0.05))
    assert {live.digest(stack) for stack in ("Api", "Batch", "Watch")} == {OLD}
