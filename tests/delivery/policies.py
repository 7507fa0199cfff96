"""Whether a role may do what was done in its name: calls of a recording against the policies that its stack made.

The policies are evaluated by the emulator's own engine, on documents with the names that CloudFormation has put in.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ministack.core.iam_evaluator import EvalContext, evaluate, evaluate_trust_policy, parse_policy_document

from local.emulator import ACCOUNT
from tests.delivery.cloud import Cloud
from tests.delivery.recorder import Call
from tests.stacks.factory import REGION
from tests.stacks.synthesis import listed

# AWS allows it to everybody.
FREE = {"sts:GetCallerIdentity"}
# Services whose signature has another name than their permissions.
SERVICES = {"monitoring": "cloudwatch"}
EVERYTHING = "*"


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """A permission on a resource that a call takes."""

    action: str
    resource: str


def arn(service: str, name: str, *, region: str = REGION) -> str:
    """A resource of the emulated account."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{name}"


class Policies:
    """The policies of the roles in the emulated account."""

    def __init__(self, cloud: Cloud) -> None:
        self._iam, self._ecs = cloud.client("iam"), cloud.client("ecs")

    def documents(self, role: str) -> list[Mapping[str, Any]]:
        """The policies of a role, which its ARN names."""
        name = role.rpartition("/")[2]
        names = self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        return [self._iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] for policy in names]

    def allows(self, role: str, need: Need) -> bool:
        """Whether a role may do something."""
        statements = [parse_policy_document(dict(document)) for document in self.documents(role)]
        return bool(evaluate(self._context(role, need), statements).decision == "Allow")

    def admits(self, role: str, caller: str) -> bool:
        """Whether a role, by its ARN, lets another one take it."""
        name = role.rpartition("/")[2]
        trust = self._iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        return bool(evaluate_trust_policy(trust, caller, self._context(caller, Need("sts:AssumeRole", role))))

    def actions(self, role: str) -> set[str]:
        """Every action that a role is allowed, as the policies spell it."""
        return {
            action
            for document in self.documents(role)
            for statement in document["Statement"]
            for action in listed(statement["Action"])
        }

    def needs(self, call: Call) -> Iterator[Need]:
        """What a call takes, by AWS's table of actions and resources of the service."""
        service = SERVICES.get(call.service, call.service)
        action = f"{service}:{call.action}"
        match service, call.action:
            case "s3", _:
                yield from _of_s3(call)
            case "ecr", "GetAuthorizationToken":
                yield Need(action, EVERYTHING)
            case "ecr", _:
                yield Need(action, arn("ecr", f"repository/{call.values['repositoryName']}"))
            case "cloudformation", _:
                # Without a name, it would be a list of every stack of the account.
                name = call.values.get("StackName")
                yield Need(action, arn("cloudformation", f"stack/{name}/an-id") if name else EVERYTHING)
            case "sts", "AssumeRole":
                yield Need(action, call.values["RoleArn"])
            case "logs", "GetLogEvents":
                stream = f"log-group:{call.values['logGroupName']}:log-stream:{call.values['logStreamName']}"
                yield Need(action, arn("logs", stream))
            case "ecs", "RunTask":
                yield from self._of_a_task(call.values["taskDefinition"], action)
            case "ecs", _:
                for resource in call.values.get("services") or call.values.get("tasks") or [call.values.get("task")]:
                    yield Need(action, str(resource))
            case _:
                yield Need(action, EVERYTHING)

    def _of_a_task(self, definition: str, action: str) -> Iterator[Need]:
        """To run a task takes its roles, too."""
        task = self._ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
        yield Need(action, task["taskDefinitionArn"])
        for role in (task["taskRoleArn"], task["executionRoleArn"]):
            yield Need("iam:PassRole", role)

    def _context(self, role: str, need: Need) -> EvalContext:
        return EvalContext(
            principal_arn=role,
            principal_type="AssumedRole",
            principal_account=ACCOUNT,
            action=need.action,
            resource_arn=need.resource,
            region=REGION,
            secure_transport=True,
            service_context={"iam:passedtoservice": "ecs-tasks.amazonaws.com"},
        )


def _of_s3(call: Call) -> Iterator[Need]:
    method, _, path = call.action.partition(" ")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    verb = {"HEAD": "GetObject", "GET": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}[method]
    yield Need(f"s3:{verb}", f"arn:aws:s3:::{bucket}/{key}")
    if method == "HEAD":
        # Without it, S3 answers 403 instead of 404 for a key that is not there.
        yield Need("s3:ListBucket", f"arn:aws:s3:::{bucket}")
    if source := unquote(call.values["from"]).lstrip("/"):
        yield Need("s3:GetObject", f"arn:aws:s3:::{source}")


def covers(pattern: str, action: str) -> bool:
    """Whether a policy's action, maybe with `*`, includes an action."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) is not None


def as_text(needs: set[tuple[str, Need]]) -> str:
    """Roles with what they lack, one a line."""
    return json.dumps(sorted(f"{role}: {need.action} on {need.resource}" for role, need in needs), indent=1)
