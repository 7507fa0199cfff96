"""How clients of AWS wait, and what the caller does about each of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from service.batch.events import ReceiptGone
from service.errors import RetryLater

RETRY_SECONDS = 20
# A worker would rather hand a message back than wait minutes for one answer.
CLIENT_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})
# S3's answers to a write or a read whose condition does not hold.
CONDITION_FAILED = {"PreconditionFailed", "412"}
ABSENT = {"NoSuchKey", "NoSuchVersion", "404"}


class Refused(Exception):
    """S3 answered that there is no such object, or that the condition of the request does not hold."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@contextmanager
def faults(what: str) -> Iterator[None]:
    """Turn what AWS says, and what happens on the way there, into what the caller does about it."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ABSENT | CONDITION_FAILED:
            raise Refused(code) from error
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
