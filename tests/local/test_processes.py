import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from local.agent import Agent, running_agent
from local.emulator import ACCOUNT, HOST, free_port
from local.errors import LocalError
from local.processes import Machine, Process, TaskDefinition
from local.template import Resolver
from service.settings import Settings
from stacks.environments import emulated
from tests.stacks.synthesis import Template
from tests.standin import MODEL

LOCAL = emulated()
DIGEST = "sha256:" + "0" * 64
KEY = "k" * 40
SECONDS = 30


def read(template: Mapping[str, Any], *, secret: Callable[[Mapping[str, Any]], str] = lambda _: KEY) -> TaskDefinition:
    """The task of a template; the value of each SSM parameter is the last part of its name."""
    pseudo = {"AWS::AccountId": ACCOUNT, "AWS::Region": LOCAL.region, "AWS::URLSuffix": "amazonaws.com"}
    resolve = Resolver(
        template,
        pseudo=pseudo,
        given={"ImageDigest": DIGEST},
        published=lambda name: name.rpartition("/")[2],
    )
    return TaskDefinition.read(template, resolve=resolve, secret=secret)


def test_worker_has_its_synthesized_settings(templates: Mapping[str, Template]) -> None:
    """Command, stop timeout and settings, with the names of the deployed queue and buckets."""
    task = read(templates["local/Batch"].body)
    assert task.command == ("worker",)
    assert task.stop_timeout_seconds == LOCAL.settings.stop_timeout_seconds
    expected = LOCAL.worker_settings(
        queue_url=f"https://sqs.{LOCAL.region}.amazonaws.com/{ACCOUNT}/queue-name",
        recordings_bucket="recordings-bucket",
        transcripts_bucket="transcripts-bucket",
    )
    assert Settings.from_environ(task.environ) == replace(expected, image=DIGEST)


def test_api_gets_its_keys_from_the_secret(templates: Mapping[str, Template]) -> None:
    """The secret is generated from its properties, and set in the variable that the service reads."""
    asked: list[Mapping[str, Any]] = []

    def secret(properties: Mapping[str, Any]) -> str:
        asked.append(properties["GenerateSecretString"])
        return KEY

    task = read(templates["local/Api"].body, secret=secret)
    assert task.command == ("api",)
    assert [key.secrets for key in Settings.from_environ(task.environ).access_keys] == [(KEY,)]
    assert asked == [{"PasswordLength": 40, "ExcludePunctuation": True}]


def test_template_without_a_task_is_refused(templates: Mapping[str, Template]) -> None:
    """The error says that there is no container."""
    with pytest.raises(LocalError, match="template: got 0 containers, expected one"):
        read(templates["local/Network"].body)


def test_secret_from_elsewhere_is_refused() -> None:
    """No task starts with an invented secret."""
    container = {
        "Command": ["api"],
        "Environment": [],
        "Secrets": [{"Name": "WHISPER_API_KEYS", "ValueFrom": "arn:aws:secretsmanager:eu-west-1:0:secret:other"}],
    }
    template = {
        "Resources": {"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"ContainerDefinitions": [container]}}}
    }
    with pytest.raises(
        LocalError, match=r"secret WHISPER_API_KEYS: got arn:.*, expected a Ref to a secret of the template"
    ):
        read(template)


@pytest.fixture
def agent() -> Iterator[Agent]:
    """The agent of a test's tasks."""
    with running_agent() as agent:
        yield agent


@pytest.fixture
def started() -> list[str]:
    """Names of the started tasks."""
    return []


@pytest.fixture
def machine(tmp_path: Path, agent: Agent, started: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Runs a test's tasks; the unknown setting of its platform must not reach them."""
    platform = {**os.environ, "WHISPER_UNKNOWN": "1"}
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with Machine(
        folder=tmp_path / "tasks", platform=platform, agent=agent, say=lambda _, name: started.append(name)
    ) as machine:
        yield machine


def api(port: int, *, stop_timeout_seconds: int = SECONDS) -> TaskDefinition:
    """An API with the stand-in, on a port of its own."""
    environ = Settings(port=port, model=str(MODEL)).to_environ()
    return TaskDefinition(command=("api",), environ=environ, stop_timeout_seconds=stop_timeout_seconds)


def wait(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether an API is ready at a port."""
    try:
        return httpx2.get(f"http://{HOST}:{port}/readyz", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def gone(process: Process) -> bool:
    """Whether no process of a task is left."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_stopped_task_ends_by_itself(machine: Machine, started: list[str], tmp_path: Path) -> None:
    """It runs with its own settings, drains on SIGTERM, and leaves only its log."""
    port = free_port(0)
    task = machine.start(api(port))
    wait(lambda: answers(port))
    assert task.tend()
    task.stop()
    assert task.stopping
    wait(lambda: not task.tend())
    assert task.exit_code == 0
    assert gone(task)
    assert started == ["api-1"]
    assert [path.name for path in (tmp_path / "tasks").iterdir()] == ["api-1.log"]
    assert not list((tmp_path / "tmp").iterdir())
    assert '"message": "ready"' in task.log.read_text()


def test_task_that_outlives_its_stop_timeout_is_killed(machine: Machine) -> None:
    """SIGTERM first; SIGKILL after the stop timeout, not before."""
    task = machine.start(api(free_port(0), stop_timeout_seconds=1))
    os.kill(task.pid, signal.SIGSTOP)
    wait(lambda: Path(f"/proc/{task.pid}/stat").read_text().split()[2] == "T")
    task.stop()
    began = time.monotonic()
    assert task.tend()
    wait(lambda: not task.tend())
    assert time.monotonic() - began >= 0.9
    assert task.exit_code == -signal.SIGKILL
    assert gone(task)


def test_killed_task_is_no_longer_protected(machine: Machine, agent: Agent) -> None:
    """Its protection ends with it."""
    task = machine.start(api(free_port(0)))
    assert not task.protected
    agent.take(task.name, {"ProtectionEnabled": True})
    assert task.protected
    task.kill()
    assert not task.protected
    assert not task.tend()
    assert gone(task)


def test_machine_leaves_no_task_behind(tmp_path: Path, agent: Agent) -> None:
    """An exception in the block ends every task, too."""
    tasks: list[Process] = []

    def interrupted() -> None:
        with Machine(folder=tmp_path / "tasks", platform=os.environ, agent=agent, say=lambda *_: None) as machine:
            tasks.extend(machine.start(api(free_port(0))) for _ in range(2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [gone(task) for task in tasks] == [True, True]
    assert sorted(path.name for path in (tmp_path / "tasks").iterdir()) == ["api-1.log", "api-2.log"]
