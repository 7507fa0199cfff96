"""How long AWS clients wait and retry, and the error that each of their failures becomes."""

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from service.errors import AwsDenied, AwsUnavailable
from service.messages import ReceiptGone

# Returning a message is better than waiting minutes for one answer.
CLIENT_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})
# The codes with which S3 answers if the condition of a request does not hold.
CONDITION_FAILED = {"PreconditionFailed", "412"}
ABSENT = {"NoSuchKey", "NoSuchVersion", "404"}


class Refused(Exception):
    """S3 answered that there is no such object, or that the condition of the request does not hold."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@contextmanager
def faults(resource: str) -> Iterator[None]:
    """Turn errors of AWS and of the network into those of the service; `resource` names what the request is about."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ABSENT | CONDITION_FAILED:
            raise Refused(code) from error
        if code.rpartition(".")[2] in {"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"}:
            raise ReceiptGone(code) from error
        denied = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 403
        raise (AwsDenied if denied else AwsUnavailable)(resource=resource, reason=code) from error
    except (Boto3Error, BotoCoreError, HTTPError) as error:
        raise AwsUnavailable(resource=resource, reason=type(error).__name__) from error
