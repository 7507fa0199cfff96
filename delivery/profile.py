"""Profiles from AWS: `python -m delivery.profile ENVIRONMENT` measures tasks on Fargate, and writes what the plan reads.

Each task runs the workers' own task definition with the verb `profile`, on a host that AWS chooses: several tasks meet
several kinds. With `--gate`, the measurement of the last release is taken, and nothing runs.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, say
from delivery.tasks import CONTAINER, OneTask
from service.profile.arguments import count
from service.settings import WrongValue
from service.task_profile import HEADER, TaskProfile
from stacks.capacity.profiles import FOLDER
from stacks.environments import Environment

TIMEOUT_SECONDS, POLL_SECONDS = 3600.0, 10.0


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the profiles and print their files; 1 if there are none, with one line that says why."""
    asked = _parser().parse_args(arguments)
    try:
        deployed = DeployedEnvironment.named(asked.environment, environ)
        found = [of_gate(deployed)] if asked.gate else measure(deployed, tasks=asked.tasks, rounds=asked.rounds)
        for path in write(deployed.environment, found, folder=asked.output):
            print(path)
    except (Refused, ValueError, ClientError, BotoCoreError) as error:
        say(f"profile {asked.environment}: refused: {error}")
        return 1
    say("Review and commit them: limits, costs and the size of tasks follow at the next synth.")
    return 0


def measure(
    deployed: DeployedEnvironment, *, tasks: int, rounds: int, poll_s: float = POLL_SECONDS
) -> list[TaskProfile]:
    """The profiles of so many tasks at once.

    Raises:
        Refused: a task did not run, or printed no profile.
    """
    environment = deployed.environment
    one = _worker(deployed)
    size = str(environment.task_size.cpu)
    command = ["profile", "--rounds", str(rounds), "--cpu", size, "--model-name", environment.settings.model]
    started = [one.start(command) for _ in range(tasks)]
    say(f"Measuring on {tasks} tasks: {', '.join(started)}")
    found = []
    for task in started:
        if code := one.end(task, timeout_s=TIMEOUT_SECONDS, poll_s=poll_s):
            raise Refused(f"{one.title}: the task ended with {code}, expected 0; its log is above")
        found.append(read(one.log(task)))
    return found


def of_gate(deployed: DeployedEnvironment) -> TaskProfile:
    """The profile in the report of the last release.

    Raises:
        Refused: there is no such report, or it has none.
    """
    latest = f"{deployed.outputs('Gate')['Reports']}/latest.json"
    bucket, _, key = latest.removeprefix("s3://").partition("/")
    try:
        body = deployed.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        raise Refused(f"report: got none at {latest}, expected that of a release ({error})") from None
    if not (text := json.loads(body).get("profile")):
        raise Refused(f"profile: got none in {latest}, expected one: the gate of an older release measured none")
    return TaskProfile.read(text)


def read(log: Iterator[str]) -> TaskProfile:
    """The profile in a task's log, in which lines of JSON may be between its own.

    Raises:
        Refused: there is none.
    """
    lines = [line for event in log for line in event.splitlines()]
    if HEADER not in lines:
        raise Refused(f"profile: got none in the task's log, expected {HEADER!r} and its lines")
    own = lines[lines.index(HEADER) :]
    return TaskProfile.read("\n".join(line for line in own if not line.startswith("{")))


def write(environment: Environment, profiles: Sequence[TaskProfile], *, folder: Path = FOLDER) -> list[Path]:
    """Write a file for each kind of processor, in place of its earlier one.

    Raises:
        WrongValue: a profile is of another model, digest, processor, task size or other settings than the environment's.
    """
    settings = replace(environment.settings, lanes=environment.lanes)
    kinds: dict[str, list[TaskProfile]] = {}
    for profile in profiles:
        try:
            profile.check(settings, architecture=environment.processor, cpu=environment.task_size.cpu)
        except WrongValue as error:
            raise WrongValue(f"profile.{error.name}", error.value, error.expected) from None
        kinds.setdefault(profile.file_name, []).append(profile)
    for name, own in kinds.items():
        (folder / name).write_text(TaskProfile.merged(own).to_toml())
    return [folder / name for name in kinds]


def _worker(deployed: DeployedEnvironment) -> OneTask:
    """A task like one of the batch fleet, in the network of its service."""
    (arn, *_) = deployed.resources("Batch", "AWS::ECS::Service")
    ecs = deployed.client("ecs")
    (service,) = ecs.describe_services(cluster=arn.split("/")[-2], services=[arn])["services"]
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    (container,) = (each for each in definition["containerDefinitions"] if each["name"] == CONTAINER)
    log, network = container["logConfiguration"]["options"], service["networkConfiguration"]["awsvpcConfiguration"]
    return OneTask(
        deployed=deployed,
        title="profile",
        stack={
            "Cluster": service["clusterArn"],
            "Subnets": ",".join(network["subnets"]),
            "Firewall": network["securityGroups"][0],
            "PublicAddress": network.get("assignPublicIp", "DISABLED"),
        },
        definition=definition["taskDefinitionArn"],
        log_group=log["awslogs-group"],
        verb=log["awslogs-stream-prefix"],
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m delivery.profile", description=__doc__.split("\n")[0])
    parser.add_argument("environment", metavar="ENVIRONMENT", help="such as stage")
    parser.add_argument("--tasks", type=count, default=1, metavar="N", help="tasks to measure on, at once (default: 1)")
    parser.add_argument("--rounds", type=count, default=5, metavar="N", help="of each task (default: 5)")
    parser.add_argument("--gate", action="store_true", help="take the measurement of the last release instead")
    parser.add_argument(
        "--output", type=_folder, default=FOLDER, metavar="DIR", help="write here, not into the plan's folder"
    )
    return parser


def _folder(text: str) -> Path:
    if (path := Path(text)).is_dir():
        return path
    raise argparse.ArgumentTypeError(f"got {text!r}, expected a folder")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
