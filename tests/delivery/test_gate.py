"""The gate's task is started with the new image, and its verdict is the release's."""

import json
from collections.abc import Iterator, Mapping

import pytest

from delivery import gate
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused
from tests.delivery.cloud import NEW, OLD, Cloud
from tests.delivery.tasks import EndedTasks

TABLE = "language  errors before  errors now"


def measured(environ: Mapping[str, str], *, code: int | None) -> EndedTasks:
    """The environment with the gate, whose task ends with a code and leaves a table."""
    return EndedTasks(environ, name="trial", stack="Gate", logs="Logs", verb="evaluate", line=TABLE, code=code)


def commands(trial: EndedTasks) -> list[list[str]]:
    """The command of each task."""
    return [request["overrides"]["containerOverrides"][0]["command"] for request in trial.requests]


@pytest.fixture
def environ(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """The environment of a build; its environment has the new image; no task of another test runs."""
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    assert cloud.step("deploy", "trial", "a" * 40, NEW)[0] == 0
    cloud.calls("cdk")
    yield cloud.environ
    cluster = DeployedEnvironment.named("trial", cloud.environ).outputs("Gate")["Cluster"]
    ecs = cloud.client("ecs")
    for task in ecs.list_tasks(cluster=cluster)["taskArns"]:
        ecs.stop_task(cluster=cluster, task=task)
    s3 = cloud.client("s3")
    bucket = reports(cloud)[0]
    for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        s3.delete_object(Bucket=bucket, Key=item["Key"])


def reports(cloud: Cloud) -> tuple[str, str]:
    """Bucket and prefix of the reports."""
    url = DeployedEnvironment.named("trial", cloud.environ).outputs("Gate")["Reports"]
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    return bucket, prefix


def test_image_that_is_no_worse_passes_and_its_table_is_in_the_log(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The first release has nothing to be compared with."""
    trial = measured(environ, code=0)
    gate.measure(trial, NEW, poll_s=0.01)
    outputs = trial.outputs("Gate")
    latest, report = (f"{outputs['Reports']}/{name}.json" for name in ("latest", NEW.removeprefix("sha256:")))
    compared = ["evaluate", outputs["Manifest"], "--against", latest, "--report", report]
    size, model = trial.environment.task_size.cpu, trial.environment.settings.model
    profiled = ["--profile", "3", "--cpu", str(size), "--model-name", model]
    assert commands(trial) == [[*compared, *profiled, "--first-release"]]
    assert TABLE in capsys.readouterr().err


def test_later_release_is_compared_with_the_last(cloud: Cloud, environ: Mapping[str, str]) -> None:
    """If there is a latest report, it counts: the command does not allow it to be missing."""
    bucket, prefix = reports(cloud)
    cloud.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/latest.json", Body=b"{}")
    trial = measured(environ, code=0)
    gate.measure(trial, NEW, poll_s=0.01)
    (command,) = commands(trial)
    assert command[command.index("--against") + 1] == f"s3://{bucket}/{prefix}/latest.json"
    assert "--first-release" not in command


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (1, "gate: the image is worse than the last release; the table above shows which rates"),
        (2, "gate: recordings, manifest or report were refused; the line above says which"),
        (137, "gate: the task ended with 137, expected 0, 1 or 2"),
    ],
)
def test_other_end_stops_the_release_after_the_table(
    environ: Mapping[str, str], capsys: pytest.CaptureFixture[str], code: int, says: str
) -> None:
    """Worse, unusable or killed: none of them is a pass, and each message follows the task's own log."""
    with pytest.raises(Refused) as failure:
        gate.measure(measured(environ, code=code), NEW, poll_s=0.01)
    assert str(failure.value) == says
    assert TABLE in capsys.readouterr().err


def test_task_that_never_ran_is_no_pass(environ: Mapping[str, str]) -> None:
    """ECS gives its reason instead of an exit code."""
    with pytest.raises(Refused, match=r"the task did not run \(CannotPullContainerError\)"):
        gate.measure(measured(environ, code=None), NEW, poll_s=0.01)


def test_gate_of_another_image_is_not_started(environ: Mapping[str, str]) -> None:
    """The release's own image is measured, no other."""
    trial = measured(environ, code=0)
    with pytest.raises(Refused, match=f"gate: got a task of {NEW}, expected {OLD}"):
        gate.measure(trial, OLD, poll_s=0.01)
    assert not trial.requests


def test_report_becomes_the_latest_once_its_release_serves(cloud: Cloud, environ: Mapping[str, str]) -> None:
    """A copy of the gate's report for this digest; without one, nothing is recorded."""
    assert environ
    bucket, prefix = reports(cloud)
    s3 = cloud.client("s3")
    code, _, log = cloud.step("record", "trial", "a" * 40, NEW)
    assert code == 1
    assert "report: got none at" in log.splitlines()[-1]
    body = json.dumps({"errors": 0.1}).encode()
    s3.put_object(Bucket=bucket, Key=f"{prefix}/{NEW.removeprefix('sha256:')}.json", Body=body)
    assert cloud.step("record", "trial", "a" * 40, NEW)[:2] == (0, NEW)
    assert s3.get_object(Bucket=bucket, Key=f"{prefix}/latest.json")["Body"].read() == body
