"""The one door to AWS: nothing else of the service knows boto3, nor the agent that ECS runs beside a task."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NoReturn, Self
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from service.batch.events import Delivery, ReceiptGone, Upload
from service.errors import InvalidField, ModelError, RetryLater, TooLarge

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

SCHEME = "s3://"
RETRY_SECONDS = 20
CHUNK_BYTES = 1 << 20
AGENT_TIMEOUT_SECONDS = 5
# A worker would rather hand a message back than wait minutes for one answer.
PATIENT = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})

# S3's answers to a write or a read whose condition does not hold.
CONDITION_FAILED = {"PreconditionFailed", "412"}
ABSENT = {"NoSuchKey", "NoSuchVersion", "404"}


class Queue:
    """A queue of SQS. Every method raises `RetryLater` where SQS does not answer as it should."""

    def __init__(self, url: str) -> None:
        self._url = url
        with _faults("queue"):
            self._client = boto3.client("sqs", config=PATIENT)

    def receive(self, *, wait_seconds: int) -> Delivery | None:
        """Wait for one message."""
        with _faults("queue"):
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
        with _faults("queue"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=delivery.receipt, VisibilityTimeout=seconds
            )

    def delete(self, delivery: Delivery) -> None:
        """Delete a message: its work is saved. Raises `ReceiptGone`, too."""
        with _faults("queue"):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=delivery.receipt)

    def send(self, body: str) -> None:
        """Put a message on the queue."""
        with _faults("queue"):
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
        with _faults("dead letters"):
            return type(self)(self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"])

    def _attributes(self, name: Literal["All", "RedrivePolicy"]) -> dict[str, str]:
        with _faults("queue"):
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return {str(key): value for key, value in answer.get("Attributes", {}).items()}


class Bucket:
    """A bucket of S3. Every method raises `RetryLater` where S3 does not answer as it should, or refuses."""

    def __init__(self, name: str) -> None:
        self._name = name
        with _faults("bucket"):
            self._client = boto3.client("s3", config=PATIENT)

    def download(
        self, key: str, *, version_id: str, etag: str, to: BinaryIO, limit: int, progress: Callable[[], None]
    ) -> None:
        """Copy one version of an object, the one of that id or else of that entity tag, into a file.

        Raises:
            InvalidField: `recording_missing`, that version does not exist.
            TooLarge: it has more than `limit` bytes.
        """
        answer = self._open(key, version_id, etag)
        if (size := answer["ContentLength"]) > limit:
            expected = f"at most {limit} bytes"
            raise TooLarge("the recording is too large", code="upload_too_large", value=size, expected=expected)
        with _faults("recording"):
            # Complete or an error: the client compares what came with the length that was promised.
            for chunk in answer["Body"].iter_chunks(CHUNK_BYTES):
                to.write(chunk)
                progress()
        to.flush()

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's content and its entity tag; None where there is no such object."""
        try:
            with _faults("results"):
                answer = self._client.get_object(Bucket=self._name, Key=key)
                return answer["Body"].read(), answer["ETag"]
        except _Refused:
            return None

    def write(self, key: str, body: bytes, *, content_type: str, over: str = "") -> bool:
        """Write an object that is not there yet, or over the one with an entity tag; False where it is another."""
        put = partial(self._client.put_object, Bucket=self._name, Key=key, Body=body, ContentType=content_type)
        try:
            with _faults("results"):
                put(IfMatch=over) if over else put(IfNoneMatch="*")
        except _Refused:
            return False
        return True

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Write an object, whatever was there."""
        with _faults("results"):
            self._client.put_object(Bucket=self._name, Key=key, Body=body, ContentType=content_type)

    def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        with _faults("results"):
            self._client.delete_object(Bucket=self._name, Key=key)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[tuple[str, datetime]]:
        """The keys that begin so and come after one, in their order, each with the time it was written at."""
        with _faults("results"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._name, Prefix=prefix, StartAfter=after
            )
            for entry in (entry for page in pages for entry in page.get("Contents", ())):
                yield entry["Key"], entry["LastModified"]

    def versions(self, prefix: str) -> Iterator[Upload]:
        """Every version of every object whose key begins so, in the order of their keys."""
        with _faults("recordings"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix)
            for entry in (entry for page in pages for entry in page.get("Versions", ())):
                yield Upload(
                    bucket=self._name,
                    key=entry["Key"],
                    version_id="" if entry["VersionId"] == "null" else entry["VersionId"],
                    etag=entry["ETag"].strip('"'),
                    size=entry["Size"],
                    time=entry["LastModified"].strftime("%Y-%m-%dT%H:%M:%SZ"),
                )

    def _open(self, key: str, version_id: str, etag: str) -> "GetObjectOutputTypeDef":
        try:
            with _faults("recording"):
                if version_id:
                    return self._client.get_object(Bucket=self._name, Key=key, VersionId=version_id)
                return self._client.get_object(Bucket=self._name, Key=key, IfMatch=f'"{etag}"')
        except _Refused as refusal:
            if refusal.code in CONDITION_FAILED and (older := self._version_of(key, etag)):
                return self._open(key, older, etag)
            raise InvalidField(
                "there is no such version of the recording", code="recording_missing", expected="a recording that stays"
            ) from refusal

    def _version_of(self, key: str, etag: str) -> str | None:
        with _faults("recording"):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=key)
            for entry in (entry for page in pages for entry in page.get("Versions", ())):
                if entry["Key"] == key and entry["ETag"].strip('"') == etag:
                    return str(entry["VersionId"])
        return None


class TaskProtection:
    """Asks ECS not to choose this task when it scales in, through the agent beside it; says whether ECS agreed."""

    def __init__(self, agent_uri: str) -> None:
        self._agent = urlsplit(agent_uri)

    def protect(self, *, minutes: int) -> bool:
        """Protect the task for so long; 0 gives it free."""
        wish: dict[str, Any] = {"ProtectionEnabled": minutes > 0}
        if minutes:
            wish["ExpiresInMinutes"] = minutes
        connection = HTTPConnection(self._agent.hostname or "", self._agent.port or 80, timeout=AGENT_TIMEOUT_SECONDS)
        try:
            path = f"{self._agent.path.rstrip('/')}/task-protection/v1/state"
            connection.request("PUT", path, json.dumps(wish), {"Content-Type": "application/json"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


def locate(url: str) -> tuple[Bucket, str]:
    """The bucket and the key of `s3://BUCKET/KEY`."""
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    return Bucket(bucket), key


def download(url: str, *, to: Path) -> None:
    """Copy the objects directly under `s3://BUCKET/PREFIX` into a folder, by the last part of their keys.

    Raises:
        ModelError: the URL names no bucket or prefix, nothing is there, or S3 does not give it.
    """
    bucket, prefix = urlsplit(url).netloc, urlsplit(url).path.strip("/")
    if not bucket or not prefix:
        raise _error("no such place in S3", "unknown_model", url)
    found = False
    try:
        client = boto3.client("s3")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/")
        for key in (entry["Key"] for page in pages for entry in page.get("Contents", ())):
            # The console marks a folder with an object named like it.
            if not key.endswith("/"):
                client.download_file(bucket, key, str(to / key.rpartition("/")[2]))
                found = True
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise _error("the model cannot be downloaded", "model_unreachable", url) from error
    if not found:
        raise _error("nothing is there", "unknown_model", url)


class _Refused(Exception):
    """S3 answered that there is no such object, or that the condition of the request does not hold."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@contextmanager
def _faults(what: str) -> Iterator[None]:
    """Turn what AWS says, and what happens on the way there, into what the caller does about it."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ABSENT | CONDITION_FAILED:
            raise _Refused(code) from error
        if code.rpartition(".")[2] in {"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"}:
            raise ReceiptGone(code) from error
        denied = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 403
        _later(f"{what}_denied" if denied else f"{what}_unavailable", error)
    except (Boto3Error, BotoCoreError, HTTPError) as error:
        _later(f"{what}_unavailable", error)


def _later(code: str, error: Exception) -> NoReturn:
    said = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    message = f"AWS does not answer as it should ({code}: {said})"
    raise RetryLater(message, code=code, retry_after_seconds=RETRY_SECONDS) from error


def _error(message: str, code: str, url: str) -> ModelError:
    expected = "s3://BUCKET/PREFIX with a model's files, readable for this task"
    return ModelError(message, code=code, field="WHISPER_MODEL", value=url, expected=expected)
