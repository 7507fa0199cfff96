"""The environments as a release finds them: in an account, with a role, made of stacks."""

import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

from delivery.programs import Refused
from stacks.environments import Environment, select

# A role that was taken by a role is given for an hour at most.
RENEW_SECONDS = 1800


class Place:
    """An environment in its account, seen with the credentials to work there.

    `ROLE_PROD` names the role to take for prod; without it the program's own credentials serve. `REPOSITORY_PROD` tells
    where its images are; without it, its stack `Registry` does.
    """

    def __init__(self, environment: Environment, environ: Mapping[str, str]) -> None:
        self.environment, self.name = environment, environment.name
        self._environ = environ
        self._role = environ.get(f"ROLE_{self.name.upper()}", "")
        self._repository = environ.get(f"REPOSITORY_{self.name.upper()}", "")
        self._taken = 0.0
        self._clients: dict[str, Any] = {}
        self._session = self._enter()
        self.account = str(self.client("sts").get_caller_identity()["Account"])

    @classmethod
    def named(cls, name: str, environ: Mapping[str, str]) -> "Place":
        """The environment of a name, once it is sure that this is its account and region.

        Raises:
            Refused: it is another account or region, or its role cannot be taken.
            InvalidEnvironment: no environment has the name.
        """
        (environment,) = select(name)
        place = cls(environment, environ)
        if environment.account not in (None, place.account):
            raise Refused(f"account: got {place.account!r}, expected {environment.account}, where {name} is")
        here = environ.get("AWS_REGION", environment.region)
        if not place._role and here != environment.region:
            raise Refused(f"region: got {here!r}, expected {environment.region}, where {name} is")
        return place

    def client(self, service: str) -> Any:
        """A client of an AWS service in the environment's region."""
        if self._role and time.monotonic() > self._taken + RENEW_SECONDS:
            self._session = self._enter()
        if service not in self._clients:
            self._clients[service] = self._session.client(service)  # type: ignore[call-overload]  # any service
        return self._clients[service]

    def environ(self) -> dict[str, str]:
        """The environment in which another program works here."""
        self.client("sts")
        credentials = self._session.get_credentials()
        if not credentials:
            raise Refused(f"credentials: got none, expected some for {self.name}")
        keys = credentials.get_frozen_credentials()
        region = self.environment.region
        values = {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        }
        return {**self._environ, **{name: value for name, value in values.items() if value}}

    @property
    def repository(self) -> str:
        """Where its images are, as `HOST/NAME`."""
        return self._repository or self.outputs("Registry")["RepositoryUri"]

    def stack(self, name: str) -> dict[str, Any]:
        """One of its stacks, as CloudFormation describes it.

        Raises:
            Refused: it is not there.
        """
        try:
            described = self.client("cloudformation").describe_stacks(StackName=self._stack(name))
        except ClientError as error:
            where = f"{self.environment.region} of account {self.account}"
            raise Refused(
                f"{self._stack(name)}: not found in {where}, expected a stack ({error.response['Error']['Message']})"
            ) from None
        stack: dict[str, Any] = described["Stacks"][0]
        return stack

    def exists(self, stack: str) -> bool:
        """Whether one of its stacks is there."""
        try:
            self.client("cloudformation").describe_stacks(StackName=self._stack(stack))
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return False
            raise
        return True

    def outputs(self, stack: str) -> dict[str, str]:
        """What a stack tells."""
        return {output["OutputKey"]: output["OutputValue"] for output in self.stack(stack).get("Outputs", [])}

    def digest(self, stack: str) -> str:
        """The image that a stack runs."""
        given = {pair["ParameterKey"]: pair["ParameterValue"] for pair in self.stack(stack).get("Parameters", [])}
        return str(given["ImageDigest"])

    def resources(self, stack: str, kind: str) -> list[str]:
        """What a stack has of a resource type, by name or ARN."""
        described = self.client("cloudformation").describe_stack_resources(StackName=self._stack(stack))
        return [r["PhysicalResourceId"] for r in described["StackResources"] if r["ResourceType"] == kind]

    def _stack(self, name: str) -> str:
        return f"whisper-{self.name}-{name}"

    def _enter(self) -> boto3.Session:
        self._clients.clear()
        region = self.environment.region
        own = boto3.Session(region_name=region)
        if not self._role:
            return own
        self._taken = time.monotonic()
        try:
            taken = own.client("sts").assume_role(RoleArn=self._role, RoleSessionName="whisper-release")
        except ClientError as error:
            raise Refused(f"ROLE_{self.name.upper()}: cannot take {self._role} ({error})") from None
        keys = taken["Credentials"]
        return boto3.Session(
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            region_name=region,
        )
