"""The secret with the callers' keys."""

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from service.aws.vault import Secret
from service.errors import AwsDenied, AwsUnavailable, ServiceError

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:Keys-a1b2c3"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Secret:
    """A secret in a region, for some credentials."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Secret(ARN)


@pytest.fixture
def answers(secret: Secret) -> Iterator[Stubber]:
    """The answers of Secrets Manager."""
    with Stubber(secret._client) as stubber:
        yield stubber


def test_secret_is_the_text_of_its_current_version(secret: Secret, answers: Stubber) -> None:
    """No version is named, so that it is the current one."""
    answers.add_response("get_secret_value", {"SecretString": "0123456789abcdef"}, {"SecretId": ARN})
    assert secret.read() == "0123456789abcdef"


def test_binary_secret_has_no_text(secret: Secret, answers: Stubber) -> None:
    """An operator's mistake, which keys and webhooks refuse as they refuse an empty text."""
    answers.add_response("get_secret_value", {"SecretBinary": b"0123456789abcdef"}, {"SecretId": ARN})
    assert secret.read() == ""


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [("AccessDeniedException", 403, AwsDenied), ("InternalServiceError", 500, AwsUnavailable)],
)
def test_secret_that_cannot_be_read_is_a_transient_fault(
    secret: Secret, answers: Stubber, code: str, status: int, error: type[ServiceError]
) -> None:
    """The API goes on with the last keys, and tries again."""
    answers.add_client_error("get_secret_value", code, http_status_code=status)
    with pytest.raises(error, match="secret"):
        secret.read()
