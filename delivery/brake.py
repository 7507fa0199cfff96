"""The budget brake of an environment: `python -m delivery.brake show|lift ENVIRONMENT`."""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, say
from stacks.environments import select

OUTPUT = "BrakeArn"
# The state machine takes seconds; its retries add up to a minute and a half.
PATIENCE_SECONDS, POLL_SECONDS = 180.0, 1.0
STOPPED = "stopped"
STATES = {
    "off": "off: the month has cost less than its budget allows",
    "slowed": "slowed: the batch fleet has the tasks that the deadline needs, and a backfill none",
    STOPPED: "stopped: the batch fleet has no task, and recordings wait",
}


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Show or lift the brake; 0 if it succeeded, 1 if it was refused, with one line that says why."""
    parser = argparse.ArgumentParser(prog="python -m delivery.brake", description="The budget brake.")
    parser.add_argument("verb", choices=("show", "lift"), help="tell its state; lift it for the rest of the month")
    parser.add_argument("environment", metavar="ENVIRONMENT", help="such as prod")
    asked = parser.parse_args(arguments)
    try:
        _check(asked.environment)
        deployed = DeployedEnvironment.named(asked.environment, environ)
        say(f"{asked.environment}: {told(lift(deployed) if asked.verb == 'lift' else state(deployed))}")
    except (Refused, ValueError, ClientError, BotoCoreError) as error:
        say(f"{asked.verb} {asked.environment}: refused: {error}")
        return 1
    return 0


def state(deployed: DeployedEnvironment) -> str:
    """The state that the brake last remembered."""
    found = deployed.client("ssm").get_parameter(Name=deployed.environment.parameter("brake"))
    return str(found["Parameter"]["Value"])


def refuse_stopped(deployed: DeployedEnvironment) -> None:
    """Refuse to deploy what no worker could prove.

    Raises:
        Refused: the brake has stopped the batch fleet, so that a golden call would not come back.
    """
    if not deployed.environment.brake:
        return
    try:
        found = state(deployed)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":  # before the first deploy of a brake
            raise
        return
    if found == STOPPED:
        expected = (
            f"another state, in which a worker can prove the image (python -m delivery.brake lift {deployed.name})"
        )
        raise Refused(f"{deployed.environment.parameter('brake')}: got {found}, expected {expected}")


def lift(deployed: DeployedEnvironment, *, patience_s: float = PATIENCE_SECONDS) -> str:
    """Give the fleets their limits back until the month ends; the state after that.

    Raises:
        Refused: it could not be lifted.
    """
    states = deployed.client("stepfunctions")
    machine = deployed.outputs("Monitoring")[OUTPUT]
    run = states.start_execution(stateMachineArn=machine, input=json.dumps({"lift": True}))["executionArn"]
    until = time.monotonic() + patience_s
    while (found := states.describe_execution(executionArn=run))["status"] == "RUNNING":
        if time.monotonic() > until:
            raise Refused(f"{run}: still running after {patience_s:g} s, expected an end")
        time.sleep(POLL_SECONDS)
    if found["status"] != "SUCCEEDED":
        raise Refused(f"{run}: {found['status']}, expected SUCCEEDED ({found.get('cause', 'no cause')})")
    answer: dict[str, Any] = json.loads(found["output"])
    return str(answer["state"])


def told(state: str) -> str:
    """A state for people."""
    word, _, month = state.partition(" ")
    return f"lifted until the end of {month}: the fleets have their limits" if month else STATES.get(word, word)


def _check(name: str) -> None:
    """Refuse an environment without a brake, before its account is asked."""
    (environment,) = select(name)
    if not environment.brake:
        raise Refused(f"{name}.brake: got None, expected BudgetBrake(…)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
