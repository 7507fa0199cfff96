import json
from typing import Literal, Self

import boto3

from service.aws.faults import CLIENT_CONFIG, faults
from service.batch.events import Delivery
from service.errors import InvalidField


class Queue:
    """A queue of SQS. Every method raises `RetryLater` where SQS does not answer as it should."""

    def __init__(self, url: str) -> None:
        self._url = url
        with faults("queue"):
            self._client = boto3.client("sqs", config=CLIENT_CONFIG)

    def receive(self, *, wait_seconds: int) -> Delivery | None:
        """Wait for one message."""
        with faults("queue"):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=1,
                WaitTimeSeconds=wait_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        for message in answer.get("Messages", ()):
            return Delivery(
                identity=message["MessageId"],
                receipt=message["ReceiptHandle"],
                body=message["Body"],
                receives=int(message["Attributes"]["ApproximateReceiveCount"]),
                sent=int(message["Attributes"]["SentTimestamp"]) / 1000,
            )
        return None

    def hide(self, delivery: Delivery, *, seconds: int) -> None:
        """Keep a message from all receivers for so long from now; 0 gives it back. Raises `ReceiptGone`, too."""
        with faults("queue"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=delivery.receipt, VisibilityTimeout=seconds
            )

    def delete(self, delivery: Delivery) -> None:
        """Delete a message: its work is saved. Raises `ReceiptGone`, too."""
        with faults("queue"):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=delivery.receipt)

    def send(self, body: str) -> None:
        """Put a message on the queue."""
        with faults("queue"):
            self._client.send_message(QueueUrl=self._url, MessageBody=body)

    def counts(self) -> tuple[int, int]:
        """How many messages wait and how many are in flight, as far as SQS knows at the moment."""
        found = self._attributes("All")
        waiting = int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesDelayed"])
        return waiting, int(found["ApproximateNumberOfMessagesNotVisible"])

    def dead_letters(self) -> Self:
        """The queue that takes what was received too often.

        Raises:
            InvalidField: there is none.
        """
        policy = json.loads(self._attributes("RedrivePolicy").get("RedrivePolicy", "{}"))
        if not policy:
            expected = "the URL of a queue with a redrive policy"
            raise InvalidField(
                "has no dead letters", code="no_dead_letters", field="WHISPER_QUEUE_URL", expected=expected
            )
        *_, account, name = policy["deadLetterTargetArn"].split(":")
        with faults("dead letters"):
            return type(self)(self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])

    def _attributes(self, name: Literal["All", "RedrivePolicy"]) -> dict[str, str]:
        with faults("queue"):
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return {str(key): value for key, value in answer.get("Attributes", {}).items()}
