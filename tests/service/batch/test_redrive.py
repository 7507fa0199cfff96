"""`jobs redrive`, against an emulator's queues."""

import json
from dataclasses import replace

import pytest

from service.aws.sqs import Queue
from service.batch import events, jobs
from service.batch.events import Message
from service.batch.rows import (
    Redriven,
)
from service.errors import AwsUnavailable
from tests.service.batch.operating import unannounced, view
from tests.service.cloud import Cloud

pytestmark = pytest.mark.usefixtures("aws_environment")


def test_redrive_moves_every_dead_letter_once(cloud: Cloud) -> None:
    """Those that a worker can read return to the queue unchanged, the others stay, and a second redrive moves none."""
    bodies = [events.announcement(replace(unannounced(cloud, "a.wav"), key=f"{number}.wav")) for number in range(30)]
    bodies[0] = json.dumps({"Type": "Notification", "Message": bodies[0]})  # as SNS delivers it
    for body in (*bodies, "no event"):
        cloud.sqs.send_message(QueueUrl=cloud.dead_letters, MessageBody=body)
    cloud.sqs.set_queue_attributes(QueueUrl=cloud.dead_letters, Attributes={"VisibilityTimeout": "3"})
    assert view(cloud).redrive() == Redriven(moved=30, left=1, unreadable=1, hidden=0)
    assert view(cloud).overview().dead_letters == 1
    # The message that nothing can read is still hidden from the first redrive.
    assert view(cloud).redrive() == Redriven(moved=0, left=1, unreadable=1, hidden=0)
    assert sorted(cloud.bodies(cloud.queue)) == sorted(bodies)


@pytest.mark.parametrize(("seconds", "left"), [(3, 0), (600, 1)])
def test_redrive_waits_for_hidden_dead_letters_and_counts_those_that_stay_hidden(
    cloud: Cloud, capsys: pytest.CaptureFixture[str], seconds: int, left: int
) -> None:
    """One that another receiver looks at is moved once it is visible, or is left: "0 left" would be untrue."""
    body = events.announcement(unannounced(cloud, "a.wav"))
    cloud.sqs.set_queue_attributes(QueueUrl=cloud.dead_letters, Attributes={"VisibilityTimeout": "3"})
    cloud.sqs.send_message(QueueUrl=cloud.dead_letters, MessageBody=body)
    cloud.sqs.receive_message(QueueUrl=cloud.dead_letters, WaitTimeSeconds=5, VisibilityTimeout=seconds)
    code = jobs.run(view(cloud), action="redrive", show=(), names=False, announce=False, as_json=True)
    printed, told = capsys.readouterr()
    assert code == left
    assert json.loads(printed) == {"moved": 1 - left, "left": left, "unreadable": 0, "hidden": left}
    assert told.startswith("dead letters that another receiver, or an earlier redrive, holds: 1; waiting ")
    assert len(cloud.bodies(cloud.queue)) == 1 - left


def test_interrupted_redrive_loses_no_message(cloud: Cloud) -> None:
    """Between sending and deleting, the message is on both queues; a second redrive completes the move."""

    class Interrupted(Queue):
        def delete(self, message: Message) -> None:
            assert message.body == body
            raise AwsUnavailable(resource="queue", reason="EndpointConnectionError")

    body = events.announcement(unannounced(cloud, "a.wav"))
    cloud.sqs.send_message(QueueUrl=cloud.dead_letters, MessageBody=body)
    cloud.sqs.set_queue_attributes(QueueUrl=cloud.dead_letters, Attributes={"VisibilityTimeout": "3"})
    with pytest.raises(AwsUnavailable):
        replace(view(cloud), dead_letters=Interrupted(cloud.dead_letters)).redrive()
    assert sum(view(cloud).dead_letters.counts()) == 1
    assert cloud.bodies(cloud.queue) == [body]
    cloud.sqs.receive_message(QueueUrl=cloud.dead_letters, WaitTimeSeconds=5, VisibilityTimeout=0)
    assert view(cloud).redrive() == Redriven(moved=1, left=0, unreadable=0, hidden=0)
    assert cloud.bodies(cloud.queue) == [body]
    assert sum(view(cloud).dead_letters.counts()) == 0
