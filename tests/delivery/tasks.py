"""Tasks that end at once: the emulator runs no container."""

import time
from collections.abc import Mapping
from typing import Any

from delivery.deployed import DeployedEnvironment


class EndedTasks(DeployedEnvironment):
    """An environment in which every task ends with a code, and leaves a line in its log.

    Args:
        environ: of the build.
        name: of the environment.
        stack: that names cluster and log in its outputs.
        logs: the output with the log's name.
        verb: that the task runs.
        line: that it leaves.
        code: that it ends with; None if it never ran.

    Attributes:
        requests: for each task in order, the parameters that it was started with.
    """

    def __init__(
        self, environ: Mapping[str, str], *, name: str, stack: str, logs: str, verb: str, line: str, code: int | None
    ) -> None:
        super().__init__(DeployedEnvironment.named(name, environ).environment, environ)
        self._stack, self._logs, self._verb, self._line, self._code = stack, logs, verb, line, code
        self.requests: list[Mapping[str, Any]] = []
        self.ecs = self.session.client("ecs")
        self.ecs.meta.events.register("before-parameter-build.ecs.RunTask", self._start)
        self.ecs.meta.events.register("after-call.ecs.DescribeTasks", self._end)

    def client(self, service: str) -> Any:
        """The emulator's, but for ECS; and a log, which a container would have written."""
        if service == "logs":
            self._write(super().client("logs"))
        return self.ecs if service == "ecs" else super().client(service)

    def _start(self, params: Mapping[str, Any], **_: Any) -> None:
        self.requests.append(params)

    def _end(self, parsed: Mapping[str, Any], **_: Any) -> None:
        for task in parsed["tasks"]:
            task["lastStatus"], task["stoppedReason"] = "STOPPED", "CannotPullContainerError"
            for container in task["containers"]:
                container.pop("exitCode", None)
                if self._code is not None:
                    container["exitCode"] = self._code

    def _write(self, logs: Any) -> None:
        outputs = self.outputs(self._stack)
        (task,) = self.ecs.list_tasks(cluster=outputs["Cluster"])["taskArns"][-1:]
        self.put(logs, outputs[self._logs], f"{self._verb}/Service/{task.rpartition('/')[2]}")

    def put(self, logs: Any, group: str, stream: str) -> None:
        """Leave the line in a log stream, unless it is there."""
        if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            event = {"timestamp": round(time.time() * 1000), "message": self._line}
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
