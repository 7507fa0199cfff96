"""The states of stacks that a deploy cannot start from, and the way out of each."""

from collections.abc import Iterable, Iterator, Mapping

from delivery.deployed import DeployedEnvironment
from delivery.findings import Finding, State
from delivery.programs import Refused

# Stacks that never worked. The CDK deletes them before it creates them again.
FAILED_CREATE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
# A change set was made, but never executed: the CDK makes another one.
NEVER_CREATED = "REVIEW_IN_PROGRESS"
STUCK = "UPDATE_ROLLBACK_FAILED"


def all_stacks(deployed: DeployedEnvironment) -> dict[str, str]:
    """State of every stack in the account and region, by name; deleted ones are not among them."""
    pages = deployed.client("cloudformation").get_paginator("describe_stacks").paginate()
    found = {stack["StackName"]: str(stack["StackStatus"]) for page in pages for stack in page["Stacks"]}
    return {name: state for name, state in found.items() if state != "DELETE_COMPLETE"}


def refuse_changing(deployed: DeployedEnvironment, stacks: Iterable[str]) -> None:
    """Refuse to deploy while another deploy still changes any of these stacks, such as `Api`.

    Raises:
        Refused: the line names the first one, and its state.
    """
    for stack in stacks:
        state = deployed.status(stack)
        if state.endswith("IN_PROGRESS") and state != NEVER_CREATED:
            name = deployed.environment.stack_name(stack)
            raise Refused(f"{name}: got {state}, expected no change in progress: wait until the other deploy has ended")


def has_worked(deployed: DeployedEnvironment, stack: str) -> bool:
    """Whether one of the environment's stacks is there, and not only as the rest of a create that failed."""
    return deployed.exists(stack) and deployed.stack(stack)["StackStatus"] not in (*FAILED_CREATE, NEVER_CREATED)


def check(names: Iterable[str], states: Mapping[str, str]) -> Iterator[Finding]:
    """The environment's stacks, given by name, among all: how many work, and each that does not."""
    own = {name: states[name] for name in names if name in states}
    for name, state in own.items():
        if state in FAILED_CREATE or state == NEVER_CREATED:
            yield Finding(check="stacks", state=State.LATER, says=f"{name}: {state}; the next deploy creates it again")
        elif state == STUCK:
            yield Finding(check="stacks", state=State.LATER, says=f"{name}: {state}; the next deploy goes on with it")
        elif state.endswith("IN_PROGRESS"):
            expected = "no change in progress: wait until the other deploy has ended"
            yield Finding(check="stacks", state=State.MISSING, says=f"{name}: got {state}, expected {expected}")
        elif state == "DELETE_FAILED":
            expected = f"no such stack: `aws cloudformation delete-stack --stack-name {name}` tries again"
            yield Finding(check="stacks", state=State.MISSING, says=f"{name}: got {state}, expected {expected}")
    there = "none is deployed yet" if not own else f"{len(own)} are deployed"
    yield Finding(check="stacks", state=State.OK, says=there)
