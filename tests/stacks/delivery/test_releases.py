"""Promises of a release: its order, the image that it carries, its approval, and who may do what."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from stacks.environments import ReleasePlan
from tests.stacks.delivery.resources import (
    PIPELINE,
    PROJECT,
    commands,
    order,
    project,
    rights,
    stages,
    trust,
    variables,
)
from tests.stacks.factory import FORGE, LINE, LIVE, TRIAL
from tests.stacks.synthesis import POLICIES, Template, listed, synthesize

TOOLING = "2" * 12
# To run the checks after a deploy, and to make way for a first create of production that failed before.
PROVING = {"ecs:RunTask", "ecs:StopTask", "iam:PassRole", "logs:GetLogEvents"}
RECOVERING = {"cloudformation:UpdateTerminationProtection", "elasticloadbalancing:ModifyLoadBalancerAttributes"}


@pytest.fixture
def trial(line: Mapping[str, Template]) -> Template:
    """The stack with the release pipeline."""
    return line["trial/Releases"]


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """The line of releases with its pipeline in an account of its own."""
    plan = replace(TRIAL.releases or ReleasePlan(images_from="forge"), account=TOOLING)
    return synthesize([FORGE, replace(TRIAL, releases=plan), LIVE], tmp_path_factory.mktemp("apart"))


def test_release_goes_through_its_first_environment_gate_and_approval_to_production(trial: Template) -> None:
    """Checks first, then the first environment with its gate and approval, production, and last the gate's new baseline."""
    assert order(trial) == [
        "Source.Source",
        "Verify.Verify",
        *("Trial.Promote", "Trial.Release", "Trial.Gate", "Trial.Approve"),
        *("Live.Promote", "Live.Release"),
        "Record.Record",
    ]


def test_what_is_approved_is_what_runs_until_a_person_has_answered(trial: Template) -> None:
    """Of two tags in a row, the second waits before the stage, which the first holds, approval included.

    CodePipeline locks a stage for one run at a time if runs queue: an approval in a stage of its own would let the second
    deploy over what the person looks at.
    """
    assert trial.only(PIPELINE)["ExecutionMode"] == "QUEUED"
    holding = [name for name, actions in stages(trial).items() if any(a["Name"] == "Release" for a in actions)]
    approving = [name for name, actions in stages(trial).items() if any(a["Name"] == "Approve" for a in actions)]
    assert holding == ["Trial", "Live"]
    assert approving == ["Trial"]
    # And it is the last action there: nothing else changes the environment after the question.
    orders = {action["Name"]: action["RunOrder"] for action in stages(trial)["Trial"]}
    assert orders == {"Promote": 1, "Release": 2, "Gate": 3, "Approve": 4}


def test_tag_starts_a_release(trial: Template) -> None:
    """Pushes without a tag do not start one."""
    pipeline = trial.only(PIPELINE)
    (trigger,) = pipeline["Triggers"]
    assert trigger["GitConfiguration"]["Push"] == [{"Tags": {"Includes": ["v*"]}}]
    assert pipeline["PipelineType"] == "V2"


def test_release_builds_nothing_and_carries_one_digest(trial: Template) -> None:
    """Every step gets the digest that the first step found."""
    (verify,) = stages(trial)["Verify"]
    digest = f"#{{{verify['Namespace']}.IMAGE_DIGEST}}"
    steps = [
        action
        for name, actions in stages(trial).items()
        for action in actions
        if name not in ("Source", "Verify") and action["Name"] != "Approve"
    ]
    assert len(steps) == 6
    assert {variables(action)["IMAGE_DIGEST"] for action in steps} == {digest}
    assert not [
        text for text in map(str, trial.properties(PROJECT)) if "delivery build" in text or "docker build" in text
    ]


def test_action_is_named_after_its_step(trial: Template) -> None:
    """The displayed name is that of the step, which runs for the environment of its stage."""
    for name, actions in stages(trial).items():
        for action in actions:
            if action["ActionTypeId"]["Provider"] == "CodeBuild":
                assert variables(action)["STEP"] == action["Name"].lower()
                environment = "live" if name == "Live" else "trial"
                assert any(f"$STEP {environment} " in c for c in commands(project(trial, action)))


def test_person_is_asked_by_mail_before_production(trial: Template) -> None:
    """The question names the digest, and the pipeline may publish it to the encrypted topic."""
    (approval,) = [action for action in stages(trial)["Trial"] if action["Name"] == "Approve"]
    assert approval["ActionTypeId"]["Provider"] == "Manual"
    assert "IMAGE_DIGEST" in approval["Configuration"]["CustomData"]
    assert approval["TimeoutInMinutes"] == 7 * 24 * 60
    (topic,) = [name for name, r in trial.body["Resources"].items() if r["Type"] == "AWS::SNS::Topic"]
    assert approval["Configuration"]["NotificationArn"] == {"Ref": topic}
    actions = {action for action, _ in rights(trial, "ReleasePipelineRole")}
    assert {"sns:Publish", "kms:GenerateDataKey*", "kms:Decrypt"} <= actions


def test_projects_before_the_approval_cannot_reach_production(trial: Template) -> None:
    """A project can take roles and do nothing else: that of production only after the approval."""
    taken = {}
    for role in ("Verify", "Trial", "Live", "Record"):
        allowed = rights(trial, f"Release{role}Role")
        taken[role] = {resource for action, resource in allowed if action == "sts:AssumeRole"}
        assert {action.split(":")[0] for action, _ in allowed} == {
            "sts",
            "s3",
            "logs",
            "codeconnections",
            "codestar-connections",
        }
    reached = {
        role: {name for name in ("forge", "trial", "live") if f"{name}releaserole" in str(resources)}
        for role, resources in taken.items()
    }
    assert reached == {
        "Verify": {"forge", "trial"},
        "Trial": {"forge", "trial"},
        "Live": {"trial", "live"},
        "Record": {"trial"},
    }


def test_release_role_trusts_exact_roles_and_no_more(line: Mapping[str, Template]) -> None:
    """Each environment admits the steps that need it, and people who roll back; production the step of its own stage."""
    steps = {
        "forge": ["release-verify", "release-trial"],
        "trial": ["release-verify", "release-trial", "release-live", "release-record", "releaser"],
        "live": ["release-live", "releaser"],
    }
    for name, expected in steps.items():
        statement = trust(line[f"{name}/Delivery"], "ReleaseRole")
        assert list(statement["Condition"]) == ["ArnEquals"]
        principals = [json.dumps(arn) for arn in listed(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"])]
        for arn, step in zip(principals, expected, strict=True):
            assert f':role/whisper-trial-{step}"' in arn
        assert ("releaseaccount" in json.dumps(statement)) == (name != "trial")


def test_trusted_roles_are_those_that_the_pipeline_has(line: Mapping[str, Template], trial: Template) -> None:
    """Their names are a contract between accounts."""
    made = {properties["RoleName"] for properties in trial.properties("AWS::IAM::Role") if "RoleName" in properties}
    trusted = json.dumps([trust(line[f"{name}/Delivery"], "ReleaseRole") for name in ("forge", "trial", "live")])
    assert {name for name in made if f':role/{name}"' in trusted} == made


def test_no_role_is_trusted_or_taken_by_a_wildcard(line: Mapping[str, Template]) -> None:
    """A name that a person may choose must not open a door: CloudFormation shortens long names of stacks, too."""
    for template in line.values():
        kinds = (*POLICIES, "AWS::IAM::Role")
        for resource in template.body["Resources"].values():
            if resource["Type"] in kinds:
                text = json.dumps(resource["Properties"])
                assert "ArnLike" not in text or "aws:PrincipalArn" not in text
                assert ":role/*" not in text
                assert "-*" not in text.partition(":role/")[2].partition('"')[0]


def test_pipeline_may_stand_in_an_account_that_nothing_is_deployed_to(apart: Mapping[str, Template]) -> None:
    """Then no code that runs in an environment's account can take the role of production, approved or not."""
    assert TOOLING in str(apart["trial/Releases"].path.parent.joinpath("manifest.json").read_text())
    own = json.dumps(trust(apart["trial/Delivery"], "ReleaseRole"))
    assert f":iam::{TOOLING}:role/whisper-trial-release-trial" in own
    # Nothing of the environment's own account is in the pipeline's stack.
    assert "AWS::ECR::Repository" not in apart["trial/Releases"].kinds()


def test_releaser_approves_retries_and_rolls_back_and_no_more(trial: Template) -> None:
    """One stage's approval, this pipeline's retries, and the roles of the environments that a release reaches."""
    allowed = rights(trial, "Releaser")
    approving = [resource for action, resource in allowed if action == "codepipeline:PutApprovalResult"]
    (approval,) = approving
    assert approval.endswith('/Trial/Approve"]]}')
    assert {"codepipeline:RetryStageExecution", "codepipeline:GetPipelineState"} <= {action for action, _ in allowed}
    assert "codepipeline:UpdatePipeline" not in {action for action, _ in allowed}
    taken = [resource for action, resource in allowed if action == "sts:AssumeRole"]
    assert len(taken) == 2
    assert not [resource for resource in taken if "forgereleaserole" in resource]
    statement = trust(trial, "Releaser")
    assert "releaserprincipalarn" in json.dumps(statement["Principal"])


def test_environment_that_builds_lets_a_release_read_only(line: Mapping[str, Template]) -> None:
    """The release role reads images there, but cannot push, deploy or assume another role."""
    actions = {action for action, _ in rights(line["forge/Delivery"], "ReleaseRole")}
    assert {"ecr:BatchGetImage", "ecr:DescribeImages"} <= actions
    assert not actions & {"ecr:PutImage", "sts:AssumeRole", "ecs:RunTask"}


def test_environment_that_receives_lets_a_release_deploy_by_the_bootstrap_roles(
    line: Mapping[str, Template],
) -> None:
    """The release role pushes images, assumes the bootstrap roles, runs checks, and otherwise only reads."""
    for name in ("trial", "live"):
        allowed = rights(line[f"{name}/Delivery"], "ReleaseRole")
        assert {"ecr:PutImage", "sts:AssumeRole", "ecs:DescribeServices"} <= {action for action, _ in allowed}
        prefix = f"role/cdk-{line[f'{name}/Delivery'].qualifier}-"
        assert all(prefix in resource for action, resource in allowed if action == "sts:AssumeRole")
        changing = {a for a, _ in allowed if a.split(":")[0] not in ("ecr", "sts") and ":Describe" not in a}
        assert changing == PROVING | (RECOVERING if name == "live" else set())


def test_environment_without_releases_has_no_delivery_stack(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Without commits and releases there is neither role nor pipeline."""
    made = synthesize([replace(LIVE, released_by="")], tmp_path_factory.mktemp("alone"))
    assert not {"live/Delivery", "live/Releases"} & set(made)


def test_receiving_environment_has_no_pipeline(line: Mapping[str, Template]) -> None:
    """The pipeline of another environment releases to production, which has only a role."""
    assert line["live/Delivery"].kinds() == ["AWS::IAM::Policy", "AWS::IAM::Role", "AWS::SSM::Parameter"]
    assert {name for name in line if name.endswith("/Releases")} == {f"{LINE[1].name}/Releases"}
