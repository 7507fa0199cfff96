"""Promises of the roles for people, and the limits of every policy in every stack."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from stacks.environments import Environment
from tests.stacks.synthesis import Template, listed

RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"

# Actions that AWS grants on all resources only, each with its purpose.
EVERYWHERE = {
    "ecr:GetAuthorizationToken": "logging in to the registry, before any repository is named",
    "ecs:ListServices": "listing services of the cluster in the condition",
    "ecs:ListTasks": "listing tasks of the cluster in the condition",
    "logs:GetQueryResults": "reading the results of a query, which names its log groups",
    "logs:StopQuery": "stopping such a query",
    "cloudwatch:GetMetricData": "reading metrics, which are not resources",
    "cloudwatch:GetMetricStatistics": "reading metrics with the commands in runbooks",
    "cloudwatch:ListMetrics": "finding metrics",
    "cloudwatch:ListDashboards": "finding the dashboard",
    "application-autoscaling:DescribeScalableTargets": "seeing a fleet's limits",
    "application-autoscaling:DescribeScalingActivities": "seeing why a fleet grew or did not",
    "application-autoscaling:DescribeScalingPolicies": "seeing which metrics a fleet follows",
    "ce:GetCostAndUsage": "reading the account's costs",
    "ce:ListCostAllocationTags": "seeing whether the budget's tags are counted",
    "cloudwatch:DescribeAlarms": "seeing which alarms fire, including composite ones",
    "elasticloadbalancing:DescribeTargetHealth": "seeing whether the load balancer reaches the tasks of a release",
}
# Commands that runbooks reserve for an administrator of the account.
ADMINISTRATORS = {("application-autoscaling", "register-scalable-target")}
CALLS = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject")


@pytest.fixture
def template(templates: Mapping[str, Template], environment: Environment) -> Template:
    """The people stack of each environment that has one."""
    if not environment.people:
        pytest.skip("it has no roles for people")
    return templates[f"{environment.name}/People"]


def allowed(template: Template, role: str) -> Iterator[tuple[str, str]]:
    """Each action that a role may take, with each of its resources."""
    for policy in template.properties("AWS::IAM::Policy"):
        if [reference["Ref"][:-8] for reference in policy["Roles"]] == [role]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Allow"
                for action in listed(statement["Action"]):
                    yield from ((action, str(resource)) for resource in listed(statement["Resource"]))


def matching(template: Template, role: str, actions: tuple[str, ...]) -> set[tuple[str, str]]:
    """The given actions that a role may take, also by wildcards, with their resources."""
    return {
        (action, resource)
        for pattern, resource in allowed(template, role)
        for action in actions
        if fnmatchcase(action.lower(), pattern.lower())
    }


def documents(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy in a template, with the logical id of the resource that contains it."""
    for name, resource in template.body["Resources"].items():
        properties = resource.get("Properties", {})
        inline = [policy for policy in properties.get("Policies", ()) if "PolicyDocument" in policy]
        for holder in (properties, *inline):
            for key in ("PolicyDocument", "AssumeRolePolicyDocument", "FileSystemPolicy", "RepositoryPolicyText"):
                if key in holder:
                    yield name, holder[key]


def test_deployer_may_only_assume_the_bootstrap_roles(template: Template) -> None:
    """`cdk bootstrap` decides the permissions of a deployer."""
    rights = list(allowed(template, "Deployer"))
    assert {action for action, _ in rights} == {"sts:AssumeRole"}
    assert len(rights) == 4
    assert all(f":role/cdk-{template.qualifier}-" in resource for _, resource in rights)


def test_operator_can_read_neither_recordings_nor_transcripts(template: Template) -> None:
    """Operators list recordings and read why words are missing and markers, but no recording and no transcript."""
    rights = [(action, resource) for action, resource in allowed(template, "Operator") if action.startswith("s3:")]
    assert {action for action, _ in rights} == {"s3:ListBucketVersions", "s3:ListBucket", "s3:GetObject"}
    reading = [resource for _, resource in matching(template, "Operator", CALLS[:2])]
    assert len(reading) == 4
    folders = r"transcriptsbucket.*/(failed|partial|unheard|running)/\*'"
    assert all(re.search(folders, resource) for resource in reading)


def test_operator_can_redrive(template: Template) -> None:
    """A redrive uses the operator's permissions: receive from the dead-letter queue, and send to the queue."""
    moving = ("sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:SendMessage")
    rights = matching(template, "Operator", moving)
    assert {action for action, resource in rights if "deadletterqueue" in resource} == set(moving[:3])
    assert {action for action, resource in rights if "deadletterqueue" not in resource} == {"sqs:SendMessage"}


def test_operator_can_restart_but_not_change_what_runs(template: Template) -> None:
    """Operators start a new deployment of the same task: no other task, no shell in a task, no other role."""
    assert matching(template, "Operator", ("ecs:UpdateService", "ecs:StopTask"))
    forbidden = ("ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:ExecuteCommand", "iam:PassRole", "sts:AssumeRole")
    assert not matching(template, "Operator", forbidden)


def test_operator_may_name_only_task_definitions_of_the_services(
    templates: Mapping[str, Template], template: Template, environment: Environment
) -> None:
    """A restart names none; one of another family could run any image with any role that its author could pass."""
    (statement,) = [
        statement
        for policy in template.properties("AWS::IAM::Policy")
        for statement in policy["PolicyDocument"]["Statement"]
        if "ecs:UpdateService" in listed(statement["Action"])
    ]
    assert listed(statement["Action"]) == ["ecs:UpdateService"]
    patterns = statement["Condition"]["ArnLikeIfExists"]["ecs:task-definition"]
    # Joined at the deployment, unless the environment names its account.
    texts = [pattern if isinstance(pattern, str) else str(pattern["Fn::Join"][1][-1]) for pattern in patterns]
    names = [text.partition(":task-definition/")[2] for text in texts]
    for stack in ("Api", "Batch"):
        family = templates[f"{environment.name}/{stack}"].only("AWS::ECS::TaskDefinition")["Family"]
        assert [name for name in names if fnmatchcase(f"{family}:7", name)], family
        assert not [name for name in names if fnmatchcase(f"other{family}:7", name)]
    assert all(name.startswith(environment.name) for name in names)


def test_operator_may_run_the_commands_of_the_runbooks(template: Template) -> None:
    """No command in a runbook fails with "access denied" for the person on call."""
    text = "\n".join(page.read_text() for page in RUNBOOKS.glob("*.md"))
    # Commands in code blocks, pipes and sentences; a line may end within a command.
    bare = re.sub(r"^```.*$", "", text, flags=re.MULTILINE)
    commands = set(re.findall(r"\baws\s+([a-z-]+)\s+([a-z-]+)", bare))
    assert len(commands) > 10
    assert commands >= ADMINISTRATORS
    # `aws logs tail` is a command of the CLI that filters log events.
    commands -= {("logs", "tail"), *ADMINISTRATORS}
    actions = {f"{service}:{verb.title().replace('-', '')}" for service, verb in commands}
    assert actions <= {action for action, _ in allowed(template, "Operator")}


def test_analyst_reads_transcripts_only(template: Template) -> None:
    """Analysts read neither recordings nor access logs, and write nothing."""
    rights = set(allowed(template, "Analyst"))
    assert {action for action, _ in rights} == {"s3:GetObject", "s3:ListBucket"}
    assert all("transcriptsbucket" in resource for _, resource in rights)


def test_uploader_puts_recordings_only(template: Template) -> None:
    """Uploaders write to the recordings bucket, and can neither read, list nor delete; transcripts are out of reach."""
    rights = set(allowed(template, "Uploader"))
    assert {action for action, _ in rights} == {"s3:PutObject", "s3:AbortMultipartUpload"}
    assert all("recordingsbucket" in resource and resource.endswith("/*']]}") for _, resource in rights)
    for role in ("Operator", "Analyst", "Deployer"):
        assert not matching(template, role, ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"))


@pytest.mark.parametrize("role", ["deployer", "operator", "uploader", "analyst"])
def test_account_names_the_principal_of_each_role(template: Template, environment: Environment, role: str) -> None:
    """Each role trusts one principal, from a parameter of the account, for at most an hour."""
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


def test_no_policy_allows_all_actions(templates: Mapping[str, Template], line: Mapping[str, Template]) -> None:
    """No policy of any stack allows `*`, or all actions of a service."""
    checked = 0
    for name, template in {**templates, **line}.items():
        for resource, document in documents(template):
            for statement in document["Statement"]:
                checked += 1
                if statement["Effect"] == "Allow":
                    assert "NotAction" not in statement, (name, resource)
                    assert not [a for a in listed(statement["Action"]) if a.endswith((":*", "*:*")) or a == "*"], name
    assert checked > 200


def test_actions_on_all_resources_are_those_that_aws_cannot_limit(line: Mapping[str, Template]) -> None:
    """Each action on all resources is in the list, and each action in the list is needed."""
    needed = set()
    for name, template in line.items():
        for resource, document in documents(template):
            for statement in document["Statement"]:
                if statement["Effect"] == "Allow" and "*" in listed(statement.get("Resource", [])):
                    assert set(listed(statement["Action"])) <= set(EVERYWHERE), (name, resource)
                    needed |= set(listed(statement["Action"]))
    assert needed == set(EVERYWHERE)
