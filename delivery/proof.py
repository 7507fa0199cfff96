"""A deployment proves itself: a golden call goes into the bucket, and its transcript comes back.

With no task at work, ECS finds a deployment of the workers good as soon as it begins. So a task of the new image sends a
call as a recorder does, which wakes the fleet if it sleeps.
"""

from delivery.deployed import DeployedEnvironment
from delivery.programs import Refused, say
from delivery.tasks import OneTask
from stacks.environments import PROOF_SECONDS

POLL_SECONDS = 10.0
# Exit codes of the task.
FAILED, UNUSABLE = 1, 2


def prove(deployed: DeployedEnvironment, digest: str, *, poll_s: float = POLL_SECONDS) -> None:
    """Send a golden call, wait for its end, and print how it ended.

    The comparison of all recordings with their results is started, too: its alarm tells if the deployment lost any.

    Raises:
        Refused: the call did not come back with its words.
    """
    stack = deployed.outputs("Watch")
    if (found := deployed.digest("Watch")) != digest:
        raise Refused(f"golden call: got a task of {found}, expected {digest}")
    canary = OneTask(
        deployed=deployed,
        title="golden call",
        stack=stack,
        definition=stack["CanaryTask"],
        log_group=stack["CanaryLogs"],
        verb="canary",
    )
    task = canary.start()
    say(f"Sending a golden call: {task}; it may take {PROOF_SECONDS // 60} minutes.")
    code = canary.end(task, timeout_s=PROOF_SECONDS, poll_s=poll_s)
    OneTask(deployed=deployed, title="reconciliation", stack=stack, definition=stack["ReconcileTask"]).start()
    if code == FAILED:
        raise Refused("golden call: it did not come back with its words; the line above says why")
    if code == UNUSABLE:
        raise Refused("golden call: AWS did not take it, or did not answer; the line above says why")
    if code:
        raise Refused(f"golden call: the task ended with {code}, expected 0, {FAILED} or {UNUSABLE}")
    say(f"{deployed.name} has worked with {digest}: the golden call is through.")
