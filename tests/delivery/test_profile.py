"""A task of the batch fleet measures itself, and its profile is a file of the plan; another task's profile is refused."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from delivery import profile
from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused
from service.settings import WrongValue
from service.task_profile import TaskProfile, conditions
from stacks.environments import Environment
from tests.delivery.cloud import NEW, OLD, Cloud
from tests.delivery.tasks import EndedTasks
from tests.service.test_task_profile import PROFILE
from tests.stacks.factory import LIVE


def measured(environment: Environment, **more: Any) -> TaskProfile:
    """A profile of an environment's task."""
    usual = replace(
        PROFILE,
        model=environment.settings.model,
        architecture=environment.processor,
        cpu=environment.task_size.cpu,
        audio_seconds_per_second=9.0,
        low=8.0,
        high=10.0,
        peak_memory_mib=3000,
        settings=conditions(replace(environment.settings, lanes=environment.lanes)),
    )
    return replace(usual, **more)


class Printing(EndedTasks):
    """The environment whose task prints a profile, between lines of its log."""

    def __init__(self, environ: Mapping[str, str], *, text: str, code: int = 0) -> None:
        super().__init__(environ, name="live", stack="Watch", logs="", verb="worker", line=text, code=code)

    def _write(self, logs: Any) -> None:
        (service, *_) = self.resources("Batch", "AWS::ECS::Service")
        cluster = service.split("/")[-2]
        found = self.ecs.describe_services(cluster=cluster, services=[service])["services"][0]
        definition = self.ecs.describe_task_definition(taskDefinition=found["taskDefinition"])["taskDefinition"]
        options = definition["containerDefinitions"][0]["logConfiguration"]["options"]
        for task in self.ecs.list_tasks(cluster=cluster)["taskArns"]:
            self.put(logs, options["awslogs-group"], f"worker/Service/{task.rpartition('/')[2]}")


@pytest.fixture
def environ(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """The environment of a build, and production as it was before."""
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)
    assert cloud.step("deploy", "live", "a" * 40, NEW)[0] == 0
    yield cloud.environ
    live = DeployedEnvironment.named("live", cloud.environ)
    cluster, ecs = live.outputs("Watch")["Cluster"], cloud.client("ecs")
    for task in ecs.describe_tasks(cluster=cluster, tasks=ecs.list_tasks(cluster=cluster)["taskArns"])["tasks"]:
        # The emulator does not replace a task of a service.
        if not task["group"].startswith("service:"):
            ecs.stop_task(cluster=cluster, task=task["taskArn"])
    assert cloud.step("deploy", "live", "a" * 40, OLD)[0] == 0
    cloud.calls("cdk")


def test_task_of_the_fleet_measures_itself(environ: Mapping[str, str], tmp_path: Path) -> None:
    """With the workers' definition and network, told its size and its model; the file is as the task printed it."""
    environment = DeployedEnvironment.named("live", environ).environment
    expected = measured(environment)
    live = Printing(environ, text=expected.to_toml())
    found = profile.measure(live, tasks=1, rounds=3, poll_s=0.01)
    assert found == [expected]
    (path,) = profile.write(environment, found, folder=tmp_path)
    assert TaskProfile.read(path.read_text()) == expected
    (request,) = live.requests
    command = request["overrides"]["containerOverrides"][0]["command"]
    size = environment.task_size.cpu
    assert command == ["profile", "--rounds", "3", "--cpu", f"{size}", "--model-name", environment.settings.model]
    (service, *_) = live.resources("Batch", "AWS::ECS::Service")
    described = live.ecs.describe_services(cluster=service.split("/")[-2], services=[service])["services"][0]
    assert request["taskDefinition"] == described["taskDefinition"]


def test_task_that_fails_leaves_no_profile(environ: Mapping[str, str]) -> None:
    """Its log says why."""
    with pytest.raises(Refused, match=r"profile: the task ended with 2, expected 0; its log is above"):
        profile.measure(Printing(environ, text="whisper-fargate: refused", code=2), tasks=1, rounds=3, poll_s=0.01)


@pytest.mark.parametrize("option", ["--tasks", "--rounds"])
@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_measurement_of_nothing_is_refused(option: str, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It would end without a profile, and call that a success; a typo must not start a task."""
    with pytest.raises(SystemExit) as end:
        profile.main(["live", option, number], {})
    assert end.value.code == 2
    assert f"argument {option}: " in capsys.readouterr().err


def test_folder_that_is_not_there_is_refused_before_a_task_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Minutes and cents would be lost; no credentials are needed to be told."""
    with pytest.raises(SystemExit) as end:
        profile.main(["live", "--output", "/nowhere"], {})
    assert end.value.code == 2
    assert "argument --output: got '/nowhere', expected a folder" in capsys.readouterr().err


def test_log_without_a_profile_is_refused() -> None:
    """An older image has no such verb."""
    with pytest.raises(Refused, match=r"profile: got none in the task's log, expected '# A profile"):
        profile.read(iter(["usage: python -m service"]))


def test_profile_is_found_among_other_lines() -> None:
    """The service's own log lines are JSON; CloudWatch holds each line by itself."""
    expected = measured(LIVE)
    lines = ['{"message": "profiled"}', *expected.to_toml().splitlines(), '{"message": "done"}']
    assert profile.read(iter(lines)) == expected


def test_tasks_on_one_kind_of_host_are_one_profile(tmp_path: Path) -> None:
    """The median of the tasks, and the spread over all of their rounds; another kind has a file of its own."""
    own = measured(LIVE)
    slow = replace(own, audio_seconds_per_second=7.0, low=6.0, high=7.5, peak_memory_mib=3100)
    other = replace(own, kind="AMX", audio_seconds_per_second=20.0, high=21.0)
    paths = profile.write(LIVE, [own, slow, other], folder=tmp_path)
    assert [path.name for path in paths] == [own.file_name, other.file_name]
    merged = TaskProfile.read(paths[0].read_text())
    assert (merged.audio_seconds_per_second, merged.low, merged.high) == (8.0, 6.0, 10.0)
    assert (merged.rounds, merged.peak_memory_mib) == (10, 3100)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"model": "tiny"}, "profile.model: got 'tiny', expected small, which the task has"),
        ({"cpu": 1024}, "profile.cpu: got '1024', expected 4096, which the task has"),
        ({"architecture": "ARM64", "kind": "Neoverse-V1"}, "profile.architecture: got 'ARM64', expected X86_64, "),
    ],
)
def test_profile_of_another_task_is_refused(tmp_path: Path, other: dict[str, Any], says: str) -> None:
    """By field, value and expectation; nothing is written."""
    with pytest.raises(WrongValue) as refusal:
        profile.write(LIVE, [measured(LIVE, **other)], folder=tmp_path)
    assert str(refusal.value).startswith(says)
    assert not list(tmp_path.iterdir())


def test_release_brings_the_profile_of_its_gate(
    cloud: Cloud, environ: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report of the last release has it; an older report has none, which one line says."""
    trial = DeployedEnvironment.named("trial", environ)
    bucket, _, prefix = trial.outputs("Gate")["Reports"].removeprefix("s3://").partition("/")
    expected = measured(trial.environment)
    s3 = cloud.client("s3")
    command = ["trial", "--gate", "--output", str(tmp_path)]
    for report, code in (({}, 1), ({"profile": expected.to_toml()}, 0)):
        s3.put_object(Bucket=bucket, Key=f"{prefix}/latest.json", Body=json.dumps(report).encode())
        assert profile.main(command, environ) == code
    s3.delete_object(Bucket=bucket, Key=f"{prefix}/latest.json")
    printed = capsys.readouterr()
    assert "profile trial: refused: profile: got none in s3://" in printed.err
    (path,) = tmp_path.iterdir()
    assert printed.out == f"{path}\n"
    assert TaskProfile.read(path.read_text()) == expected
