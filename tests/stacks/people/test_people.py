"""What the people's roles promise, and what no role of any stack may do."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from stacks.environments import Environment
from tests.stacks.synthesis import Template, listed

RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"

# AWS knows no narrower resource for these: each with what it is needed for.
EVERYWHERE = {
    "ecr:GetAuthorizationToken": "logging in to the registry, before any repository is named",
    "ecs:ListServices": "listing services of one cluster, which the condition names",
    "ecs:ListTasks": "listing tasks of one cluster, which the condition names",
    "logs:GetQueryResults": "the results of a query, which itself names its log groups",
    "logs:StopQuery": "stopping such a query",
    "cloudwatch:GetMetricData": "reading metrics, which are no resources",
    "cloudwatch:GetMetricStatistics": "the same, as the runbooks' commands do",
    "cloudwatch:ListMetrics": "finding them",
    "cloudwatch:ListDashboards": "finding the dashboard",
    "application-autoscaling:DescribeScalableTargets": "seeing a fleet's limits",
    "application-autoscaling:DescribeScalingActivities": "seeing why a fleet grew or did not",
    "application-autoscaling:DescribeScalingPolicies": "seeing what a fleet follows",
    "ce:GetCostAndUsage": "reading the bill, which is the account's",
    "ce:ListCostAllocationTags": "seeing whether the budget's tags are counted",
    "cloudwatch:DescribeAlarms": "seeing which alarms sound, composite ones, too",
    "elasticloadbalancing:DescribeTargetHealth": "seeing whether the load balancer reaches what a release deployed",
}
# What a runbook leaves to an administrator of the account, and says so.
ADMINISTRATORS = {("application-autoscaling", "register-scalable-target")}
CALLS = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject")


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The people stack of each environment."""
    return templates[f"{environment.name}/People"]


def allowed(template: Template, role: str) -> Iterator[tuple[str, str]]:
    """Each action that a role is allowed, with each of its resources."""
    for policy in template.properties("AWS::IAM::Policy"):
        if [reference["Ref"][:-8] for reference in policy["Roles"]] == [role]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Allow"
                for action in listed(statement["Action"]):
                    yield from ((action, str(resource)) for resource in listed(statement["Resource"]))


def matching(template: Template, role: str, actions: tuple[str, ...]) -> set[tuple[str, str]]:
    """What a role is allowed of some actions, wildcards included."""
    return {
        (action, resource)
        for pattern, resource in allowed(template, role)
        for action in actions
        if fnmatchcase(action.lower(), pattern.lower())
    }


def documents(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy in a template, of roles, buckets, queues and whatever else has one, by the resource it stands in."""
    for name, resource in template.body["Resources"].items():
        properties = resource.get("Properties", {})
        inline = [policy for policy in properties.get("Policies", ()) if "PolicyDocument" in policy]
        for holder in (properties, *inline):
            for key in ("PolicyDocument", "AssumeRolePolicyDocument", "FileSystemPolicy", "RepositoryPolicyText"):
                if key in holder:
                    yield name, holder[key]


def test_deployer_takes_the_bootstrap_roles_and_nothing_else(template: Template) -> None:
    """What a deployer may do is what `cdk bootstrap` decided."""
    rights = list(allowed(template, "Deployer"))
    assert {action for action, _ in rights} == {"sts:AssumeRole"}
    assert len(rights) == 4
    assert all(":role/cdk-hnb659fds-" in resource for _, resource in rights)


def test_operator_can_neither_hear_nor_read_a_call(template: Template) -> None:
    """Who keeps the service running sees which calls there are and why one failed, but no recording and no transcript."""
    rights = [(action, resource) for action, resource in allowed(template, "Operator") if action.startswith("s3:")]
    assert {action for action, _ in rights} == {"s3:ListBucketVersions", "s3:ListBucket", "s3:GetObject"}
    reading = [resource for _, resource in matching(template, "Operator", CALLS[:2])]
    assert len(reading) == 2
    assert all(re.search(r"transcriptsbucket.*/(failed|running)/\*'", resource) for resource in reading)


def test_operator_can_redrive(template: Template) -> None:
    """Dead letters go back to the queue with the operator's rights: receive there, send here, and move."""
    moving = ("sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage")
    rights = matching(template, "Operator", moving)
    assert {action for action, resource in rights if "deadletterqueue" in resource} == set(moving[:3])
    assert {action for action, resource in rights if "deadletterqueue" not in resource} == {"sqs:SendMessage"}


def test_operator_can_restart_but_not_change_what_runs(template: Template) -> None:
    """A new deployment of what is there; no other task, no shell in a running one, no other role for it."""
    assert matching(template, "Operator", ("ecs:UpdateService", "ecs:StopTask"))
    forbidden = ("ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:ExecuteCommand", "iam:PassRole", "sts:AssumeRole")
    assert not matching(template, "Operator", forbidden)


def test_operator_may_run_what_the_runbooks_say(template: Template) -> None:
    """A command of a runbook that answers "access denied" at night is worse than none."""
    text = "\n".join(page.read_text() for page in RUNBOOKS.glob("*.md"))
    # On lines of their own, in pipes and in sentences, where a line may end within a command.
    commands = set(re.findall(r"\baws\s+([a-z-]+)\s+([a-z-]+)", text))
    assert len(commands) > 10
    assert commands >= ADMINISTRATORS
    # `tail` is the command line's own name for filtering log events.
    commands -= {("logs", "tail"), *ADMINISTRATORS}
    actions = {f"{service}:{verb.title().replace('-', '')}" for service, verb in commands}
    assert actions <= {action for action, _ in allowed(template, "Operator")}


def test_analyst_reads_transcripts_only(template: Template) -> None:
    """No recording, no access log, no write, and nothing but S3."""
    rights = set(allowed(template, "Analyst"))
    assert {action for action, _ in rights} == {"s3:GetObject", "s3:ListBucket"}
    assert all("transcriptsbucket" in resource for _, resource in rights)


@pytest.mark.parametrize("role", ["deployer", "operator", "analyst"])
def test_who_takes_a_role_is_said_by_the_account(template: Template, environment: Environment, role: str) -> None:
    """One principal, from a parameter of the account: no default, nobody from elsewhere, no service."""
    (trust,) = [
        properties["AssumeRolePolicyDocument"]["Statement"]
        for name, properties in ((n, r["Properties"]) for n, r in template.body["Resources"].items())
        if name.startswith(role.title()) and "AssumeRolePolicyDocument" in properties
    ]
    assert [list(statement["Principal"]) for statement in trust] == [["AWS"]]
    assert {properties["MaxSessionDuration"] for properties in template.properties("AWS::IAM::Role")} == {3600}
    parameter = template.body["Parameters"][trust[0]["Principal"]["AWS"]["Ref"]]
    assert parameter == {
        "Type": "AWS::SSM::Parameter::Value<String>",
        "Default": f"/whisper/{environment.name}/{role}-principal-arn",
    }


def test_nobody_may_do_everything(templates: Mapping[str, Template]) -> None:
    """No policy of any stack allows `*`, or all actions of a service."""
    checked = 0
    for name, template in templates.items():
        for resource, document in documents(template):
            for statement in document["Statement"]:
                checked += 1
                if statement["Effect"] == "Allow":
                    assert "NotAction" not in statement, (name, resource)
                    assert not [a for a in listed(statement["Action"]) if a.endswith((":*", "*:*")) or a == "*"], name
    assert checked > 200


def test_nothing_is_allowed_everywhere_unless_aws_demands_it(templates: Mapping[str, Template]) -> None:
    """Each action on all resources is one that AWS offers for no less; an exception that nobody needs is deleted."""
    needed = set()
    for name, template in templates.items():
        for resource, document in documents(template):
            for statement in document["Statement"]:
                if statement["Effect"] == "Allow" and "*" in listed(statement.get("Resource", [])):
                    assert set(listed(statement["Action"])) <= set(EVERYWHERE), (name, resource)
                    needed |= set(listed(statement["Action"]))
    assert needed == set(EVERYWHERE)
