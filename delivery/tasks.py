"""Tasks that run once: started with the network that their stack names, awaited, and read."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, say

CONTAINER = "Service"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTask:
    """A task of a stack.

    Attributes:
        deployed: the environment.
        title: names it in messages.
        stack: outputs of its stack: cluster, subnets, security group, and whether it needs a public address.
        definition: ARN of its task definition.
        log_group: empty if its log is not read.
        verb: the first part of the names of its log streams.
    """

    deployed: DeployedEnvironment
    title: str
    stack: Mapping[str, str]
    definition: str
    log_group: str = ""
    verb: str = ""

    def start(self, command: Sequence[str] = ()) -> str:
        """Start it, with another command than its own if one is given; its ARN.

        Raises:
            Refused: ECS starts none.
        """
        stack, override = self.stack, {"name": CONTAINER, "command": [*command]}
        started = self.deployed.client("ecs").run_task(
            cluster=stack["Cluster"],
            taskDefinition=self.definition,
            launchType="FARGATE",
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": stack["Subnets"].split(","),
                    "securityGroups": [stack["Firewall"]],
                    "assignPublicIp": stack["PublicAddress"],
                }
            },
            overrides={"containerOverrides": [override] if command else []},
        )
        if not started["tasks"]:
            raise Refused(f"{self.title}: no task started ({started['failures']})")
        return str(started["tasks"][0]["taskArn"])

    def end(self, task: str, *, timeout_s: float, poll_s: float) -> int:
        """The exit code of a started task, once its log is printed. One that does not end in time is stopped.

        Raises:
            Refused: it did not end in time, or never ran.
        """
        ecs, wanted = self.deployed.client("ecs"), {"cluster": self.stack["Cluster"], "tasks": [task]}
        attempts = int(timeout_s / poll_s)
        try:
            ecs.get_waiter("tasks_stopped").wait(**wanted, WaiterConfig={"Delay": poll_s, "MaxAttempts": attempts})
        except WaiterError as error:
            ecs.stop_task(cluster=self.stack["Cluster"], task=task, reason=f"{self.title}: it took too long")
            raise Refused(f"{self.title}: not done after {timeout_s:g} s; the task was stopped") from error
        (state,) = ecs.describe_tasks(**wanted)["tasks"]
        code = self._exit_code(state)
        # Its last log lines may arrive late.
        time.sleep(poll_s)
        self._print_log(task)
        return code

    def log(self, task: str) -> Iterator[str]:
        """The lines of an ended task's log.

        Raises:
            ClientError: it cannot be read.
        """
        stream = {
            "logGroupName": self.log_group,
            "logStreamName": f"{self.verb}/{CONTAINER}/{task.rpartition('/')[2]}",
        }
        token: dict[str, str] = {}
        while True:
            page = self.deployed.client("logs").get_log_events(**stream, startFromHead=True, **token)
            yield from (event["message"] for event in page["events"])
            # The token stops changing at the end of the log. The release role may read streams only, so no paginator.
            if page["nextForwardToken"] == token.get("nextToken"):
                return
            token = {"nextToken": page["nextForwardToken"]}

    def _print_log(self, task: str) -> None:
        try:
            for line in self.log(task):
                say(line)
        except ClientError as error:
            say(f"The task's log cannot be read ({error}).")

    def _exit_code(self, state: Mapping[str, Any]) -> int:
        codes = [container["exitCode"] for container in state["containers"] if container.get("exitCode") is not None]
        if not codes:
            raise Refused(f"{self.title}: the task did not run ({state.get('stoppedReason', 'no reason given')})")
        return int(codes[0])
