import boto3

from service.aws.faults import CLIENT_CONFIG, faults


class Secret:
    """A secret of Secrets Manager. `read` raises `RetryLater` if it is unreachable, fails or denies the request."""

    def __init__(self, arn: str) -> None:
        self._arn = arn
        with faults("secret"):
            self._client = boto3.client("secretsmanager", config=CLIENT_CONFIG)

    def read(self) -> str:
        """The text of the secret's current version; empty if that is binary."""
        with faults("secret"):
            return str(self._client.get_secret_value(SecretId=self._arn).get("SecretString", ""))
