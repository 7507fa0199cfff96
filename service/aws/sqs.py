import json
from typing import Literal, Self

import boto3

from service.aws.faults import CLIENT_CONFIG, faults
from service.errors import NoDeadLetters
from service.messages import Message


class Queue:
    """A queue of SQS. Every method raises `RetryLater` if SQS is unreachable, fails or denies the request."""

    def __init__(self, url: str) -> None:
        self._url = url
        with faults("queue"):
            self._client = boto3.client("sqs", config=CLIENT_CONFIG)

    def receive(self, *, wait_seconds: int) -> Message | None:
        """Wait for one message."""
        with faults("queue"):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=wait_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        for received in answer.get("Messages", ()):
            return Message(
                identity=received["MessageId"],
                receipt=received["ReceiptHandle"],
                body=received["Body"],
                receives=int(received["Attributes"]["ApproximateReceiveCount"]),
                sent=int(received["Attributes"]["SentTimestamp"]) / 1000,
            )
        return None

    def hide(self, message: Message, *, seconds: int) -> None:
        """Hide a message from all receivers for that long from now; 0 returns it at once. May raise `ReceiptGone`."""
        with faults("queue"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=seconds
            )

    def delete(self, message: Message) -> None:
        """Delete a message. May raise `ReceiptGone`."""
        with faults("queue"):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)

    def send(self, body: str) -> None:
        """Put a message on the queue."""
        with faults("queue"):
            self._client.send_message(QueueUrl=self._url, MessageBody=body)

    def counts(self) -> tuple[int, int]:
        """How many messages wait and how many are in flight, by SQS's estimate."""
        found = self._attributes("All")
        waiting = int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesDelayed"])
        return waiting, int(found["ApproximateNumberOfMessagesNotVisible"])

    def visibility_timeout(self) -> int:
        """For how many seconds a message that was received is hidden from others, unless its receiver says otherwise."""
        return int(self._attributes("VisibilityTimeout")["VisibilityTimeout"])

    def dead_letters(self) -> Self:
        """The queue to which SQS moves messages that were received too often.

        Raises:
            NoDeadLetters: this queue has no redrive policy.
        """
        policy = json.loads(self._attributes("RedrivePolicy").get("RedrivePolicy", "{}"))
        if not policy:
            raise NoDeadLetters
        *_, account, name = policy["deadLetterTargetArn"].split(":")
        with faults("dead letters"):
            return type(self)(self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])

    def _attributes(self, name: Literal["All", "RedrivePolicy", "VisibilityTimeout"]) -> dict[str, str]:
        with faults("queue"):
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return {str(key): value for key, value in answer.get("Attributes", {}).items()}
