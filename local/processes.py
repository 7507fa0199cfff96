"""Tasks as processes: a synthesized task definition, started, stopped and killed as ECS does."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local.agent import Agent
from local.deploy import ROOT
from local.errors import LocalError
from local.template import Resolver, resources
from service.contract import AGENT_VARIABLE
from service.settings import PREFIX

# ECS's default.
STOP_TIMEOUT_SECONDS = 30
END_SECONDS = 10

Secret = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """Command and environment of a task's one container, and how long it may take to stop.

    `module` is the program that takes the command.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str]
    stop_timeout_seconds: int
    module: str = "service"

    @classmethod
    def read(
        cls, template: Mapping[str, Any], *, verb: str = "", resolve: Resolver, secret: Secret
    ) -> "TaskDefinition":
        """The one task definition of a template, or the one that runs a verb of the service.

        Args:
            template: as synthesized.
            verb: empty for any.
            resolve: resolves the template's values.
            secret: returns the value of a secret, given its properties in the template.

        Raises:
            LocalError: the template has no container or several, or a value that cannot be resolved here.
        """
        found = [
            container
            for task in resources(template, "AWS::ECS::TaskDefinition").values()
            for container in task["ContainerDefinitions"]
            if verb in ("", container["Command"][0])
        ]
        if len(found) != 1:
            raise LocalError(f"template: got {len(found)} containers, expected one")
        (container,) = found
        secrets = resources(template, "AWS::SecretsManager::Secret")
        # Secrets have no place here from which a process could read them again.
        arns = [{"Ref": name} for name in secrets]
        environ = {
            each["Name"]: "" if each["Value"] in arns else str(resolve(each["Value"]))
            for each in container["Environment"]
        }
        for each in container.get("Secrets", ()):
            match each["ValueFrom"]:
                case {"Ref": str(name)} if name in secrets:
                    environ[each["Name"]] = secret(secrets[name])
                case unknown:
                    raise LocalError(
                        f"secret {each['Name']}: got {unknown}, expected a Ref to a secret of the template"
                    )
        return cls(
            command=tuple(container["Command"]),
            environ=environ,
            stop_timeout_seconds=container.get("StopTimeout", STOP_TIMEOUT_SECONDS),
        )


class Process:
    """A running task: a process group of its own, a temporary folder in place of the volume /tmp, and a log.

    `platform` is the environment of every task on this machine; the definition's variables are added to it.
    """

    def __init__(
        self, name: str, definition: TaskDefinition, *, folder: Path, platform: Mapping[str, str], agent: Agent
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        # Not below `folder`, whose path may be long: the path of a socket has at most about 100 characters.
        self._tmp = tempfile.mkdtemp(prefix=f"{name}-")
        self._agent = agent
        self._stop_timeout = definition.stop_timeout_seconds
        self._deadline: float | None = None
        self._over = False
        # The user's own settings must not reach the container.
        environ = {key: value for key, value in platform.items() if not key.startswith(PREFIX)}
        environ |= {"TMPDIR": self._tmp, AGENT_VARIABLE: agent.uri(name), **definition.environ}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", definition.module, *definition.command],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal must not reach it: the machine stops its tasks.
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.exit_code is None

    @property
    def protected(self) -> bool:
        """Whether scaling in must not stop it."""
        return self.exit_code is None and self._agent.protected(self.name)

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._deadline is not None

    @property
    def pid(self) -> int:
        """Its process id and process group."""
        return self._process.pid

    def stop(self) -> None:
        """Send SIGTERM; `tend` kills the process once the stop timeout is over."""
        if not self.stopping:
            self._deadline = time.monotonic() + self._stop_timeout
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to every process of the task, as when a container is killed."""
        if self._over:  # its process id may be in use again
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def tend(self) -> bool:
        """Kill it once its stop timeout is over, and clean up once it has ended; whether it is still running."""
        if self._over:
            return False
        if self.exit_code is None and self._deadline is not None and time.monotonic() > self._deadline:
            self.kill()
        if self.exit_code is None:
            return True
        self.kill()  # children that outlived it
        shutil.rmtree(self._tmp, ignore_errors=True)
        self._over = True
        return False


def end_like_interrupted() -> None:
    """Let SIGTERM and SIGHUP end this program as Ctrl-C does, so that it stops everything it started.

    A second signal does not interrupt that, which takes some seconds at most.
    """
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(*_: object) -> None:
        for number in ending:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in ending:
        signal.signal(number, interrupt)


class Machine:
    """Runs tasks; at the end of its block none is left, even after an exception."""

    def __init__(
        self, *, folder: Path, platform: Mapping[str, str], agent: Agent, say: Callable[[str, str], None]
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder, self._platform, self._agent, self._say = folder, platform, agent, say
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def start(self, definition: TaskDefinition) -> Process:
        """Start a task; its name is its verb and a number."""
        name = f"{definition.command[0]}-{len(self._started) + 1}"
        process = Process(name, definition, folder=self._folder, platform=self._platform, agent=self._agent)
        self._started.append(process)
        self._say("started", name)
        return process

    def __exit__(self, *_: object) -> None:
        """Stop every task. Its work is not needed any more, so it gets less time than its stop timeout."""
        running = [process for process in self._started if process.exit_code is None]
        try:
            for process in running:
                process.stop()
            deadline = time.monotonic() + END_SECONDS
            while time.monotonic() < deadline and any(process.tend() for process in running):
                time.sleep(0.05)
        finally:
            for process in self._started:
                process.kill()
                process.tend()
