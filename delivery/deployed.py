"""An environment as a release finds it: in an account, reached with a role, made of stacks."""

from collections.abc import Mapping
from typing import Any

import boto3
import botocore.session
from botocore.credentials import CredentialResolver
from botocore.exceptions import ClientError

from delivery.credentials import AssumedRole, under_profile
from delivery.programs import ROOT, Refused
from stacks.environments import Environment, select


class DeployedEnvironment:
    """An environment in its account, seen with the credentials to work there.

    `ROLE_PROD` names the role to assume for prod; without it, the program's own credentials are used.
    """

    def __init__(self, environment: Environment, environ: Mapping[str, str]) -> None:
        self.environment, self.name = environment, environment.name
        self._environ = environ
        self._role = environ.get(f"ROLE_{self.name.upper()}", "")
        self._clients: dict[str, Any] = {}
        self.session = _session(self._role, region=environment.region)
        try:
            self.account = str(self.client("sts").get_caller_identity()["Account"])
        except ClientError as error:
            if not self._role:
                raise
            raise Refused(f"ROLE_{self.name.upper()}: cannot assume {self._role} ({error})") from None

    @classmethod
    def named(cls, name: str, environ: Mapping[str, str]) -> "DeployedEnvironment":
        """The environment called `name`, after a check that the credentials belong to its account and region.

        Raises:
            Refused: another account or region, or a role that cannot be assumed.
            InvalidEnvironment: no environment has this name.
        """
        (environment,) = select(name)
        deployed = cls(environment, environ)
        if environment.account not in (None, deployed.account):
            raise Refused(f"account: got {deployed.account!r}, expected {environment.account}, the account of {name}")
        region = environ.get("AWS_REGION", environment.region)
        if not deployed._role and region != environment.region:
            raise Refused(f"region: got {region!r}, expected {environment.region}, the region of {name}")
        return deployed

    def client(self, service: str) -> Any:
        """A client of an AWS service in the environment's region."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service)  # type: ignore[call-overload]  # any service
        return self._clients[service]

    def environ(self) -> dict[str, str]:
        """Variables under which another program works in this environment's region with this environment's credentials.

        They name no role to assume: the program has it already, and no role may assume itself.
        """
        region = self.environment.region
        environ = {**self._environ, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        if not self._role:
            return environ
        del environ[f"ROLE_{self.name.upper()}"]
        return under_profile(
            environ, name=self.name, role=self._role, region=region, folder=ROOT / "build" / "credentials"
        )

    @property
    def repository(self) -> str:
        """The image repository, as `HOST/NAME`."""
        return self.outputs("Registry")["RepositoryUri"]

    def stack(self, name: str) -> dict[str, Any]:
        """One of its stacks, as CloudFormation describes it.

        Raises:
            Refused: there is no such stack.
        """
        stack_name = self.environment.stack_name(name)
        try:
            described = self.client("cloudformation").describe_stacks(StackName=stack_name)
        except ClientError as error:
            location = f"{self.environment.region} of account {self.account}"
            raise Refused(
                f"{stack_name}: not found in {location}, expected a stack ({error.response['Error']['Message']})"
            ) from None
        stack: dict[str, Any] = described["Stacks"][0]
        return stack

    def status(self, stack: str) -> str:
        """The state of one of its stacks; empty if it does not exist."""
        try:
            described = self.client("cloudformation").describe_stacks(StackName=self.environment.stack_name(stack))
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return ""
            raise
        return str(described["Stacks"][0]["StackStatus"])

    def exists(self, stack: str) -> bool:
        """Whether one of its stacks exists."""
        return bool(self.status(stack))

    def outputs(self, stack: str) -> dict[str, str]:
        """The outputs of a stack, by key."""
        return {output["OutputKey"]: output["OutputValue"] for output in self.stack(stack).get("Outputs", [])}

    def digest(self, stack: str) -> str:
        """Digest of the image that a stack runs."""
        given = {pair["ParameterKey"]: pair["ParameterValue"] for pair in self.stack(stack).get("Parameters", [])}
        return str(given["ImageDigest"])

    def resources(self, stack: str, kind: str) -> list[str]:
        """Physical ids (names or ARNs) of a stack's resources of one type."""
        stack_name = self.environment.stack_name(stack)
        described = self.client("cloudformation").describe_stack_resources(StackName=stack_name)
        return [r["PhysicalResourceId"] for r in described["StackResources"] if r["ResourceType"] == kind]


def _session(role: str, *, region: str) -> boto3.Session:
    """A session of the program's own credentials, or of a role, whose credentials botocore renews in time."""
    if not role:
        return boto3.Session(region_name=region)
    assumed = botocore.session.get_session()
    assumed.register_component("credential_provider", CredentialResolver([AssumedRole(role, region=region)]))
    return boto3.Session(botocore_session=assumed, region_name=region)
