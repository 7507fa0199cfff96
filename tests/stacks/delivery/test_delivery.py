"""Promises of the pipelines: triggers, order of actions, the image that they carry, and permissions."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stacks.environments import CommitPlan, ReleasePlan, Source
from tests.stacks.factory import FORGE, LIVE, TRIAL
from tests.stacks.synthesis import Template, listed, statements, synthesize

PIPELINE, PROJECT = "AWS::CodePipeline::Pipeline", "AWS::CodeBuild::Project"


@pytest.fixture
def trial(line: Mapping[str, Template]) -> Template:
    """The delivery stack with the release pipeline."""
    return line["trial/Delivery"]


@pytest.fixture
def committing(line: Mapping[str, Template]) -> Template:
    """The delivery stack with the pipeline for commits."""
    return line["forge/Delivery"]


@pytest.fixture(params=["forge", "trial"])
def template(line: Mapping[str, Template], request: pytest.FixtureRequest) -> Template:
    """Each delivery stack with a pipeline."""
    return line[f"{request.param}/Delivery"]


@pytest.fixture(scope="module")
def codecommit(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """Both pipelines with their source in CodeCommit."""
    return synthesize(
        [
            replace(FORGE, commits=CommitPlan(source=Source.CODECOMMIT, branch="trunk")),
            replace(TRIAL, releases=ReleasePlan(images_from="forge", onward=("live",), source=Source.CODECOMMIT)),
        ],
        tmp_path_factory.mktemp("codecommit"),
    )


def stages(template: Template) -> dict[str, list[dict[str, Any]]]:
    """Actions of each stage, by its name."""
    return {stage["Name"]: stage["Actions"] for stage in template.only(PIPELINE)["Stages"]}


def order(template: Template) -> list[str]:
    """Every action in the order of a run, as `Stage.Action`."""
    return [
        f"{name}.{action['Name']}"
        for name, actions in stages(template).items()
        for action in sorted(actions, key=lambda action: int(action["RunOrder"]))
    ]


def variables(action: Mapping[str, Any]) -> dict[str, str]:
    """Environment variables that an action passes to its project."""
    pairs = json.loads(action["Configuration"].get("EnvironmentVariables", "[]"))
    return {pair["name"]: pair["value"] for pair in pairs}


def project(template: Template, action: Mapping[str, Any]) -> dict[str, Any]:
    """The project that an action runs."""
    name = action["Configuration"]["ProjectName"]["Ref"]
    properties: dict[str, Any] = template.body["Resources"][name]["Properties"]
    return properties


def commands(properties: Mapping[str, Any]) -> list[str]:
    """Commands in the build phase of a project."""
    text = str(properties["Source"]["BuildSpec"])
    return [line.strip().removeprefix("- ") for line in text.partition("build:")[2].partition("cache:")[0].splitlines()]


def rights(template: Template, role: str) -> list[tuple[str, str]]:
    """Each allowed action with each of its resources, for the role whose logical id begins with `role`."""
    return [
        (action, json.dumps(resource))
        for properties in template.properties("AWS::IAM::Policy")
        if properties["Roles"][0].get("Ref", "").startswith(role)
        for statement in properties["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


# Commits


def test_commit_is_tested_then_built_then_deployed(committing: Template) -> None:
    """Each stage starts after the one before has succeeded."""
    assert order(committing) == ["Source.Source", "Test.Test", "Build.Build", "Deploy.Deploy"]
    assert ".ci/run" in commands(project(committing, stages(committing)["Test"][0]))


def test_push_to_the_branch_starts_the_pipeline_and_replaces_a_waiting_run(committing: Template) -> None:
    """Pushes to other branches do not start it."""
    pipeline = committing.only(PIPELINE)
    (trigger,) = pipeline["Triggers"]
    assert trigger["GitConfiguration"]["Push"] == [{"Branches": {"Includes": ["main"]}}]
    assert pipeline["ExecutionMode"] == "SUPERSEDED"
    assert pipeline["PipelineType"] == "V2"


def test_digest_that_was_built_is_the_one_deployed(committing: Template) -> None:
    """The deployment gets the digest that the build exported, not a tag."""
    (build,), (deploy,) = stages(committing)["Build"], stages(committing)["Deploy"]
    assert variables(deploy) == {"IMAGE_DIGEST": f"#{{{build['Namespace']}.IMAGE_DIGEST}}"}
    assert "IMAGE_DIGEST" in project(committing, build)["Source"]["BuildSpec"].partition("exported-variables:")[2]


def test_only_projects_that_build_an_image_are_privileged(template: Template) -> None:
    """Tests and builds start containers, which needs a privileged build; projects that may deploy are not privileged."""
    privileged = [p["Source"]["BuildSpec"] for p in template.properties(PROJECT) if p["Environment"]["PrivilegedMode"]]
    assert all("delivery build" in steps or ".ci/run" in steps for steps in privileged)
    assert len(privileged) == (2 if template.only(PIPELINE)["ExecutionMode"] == "SUPERSEDED" else 0)


def test_deploying_project_may_only_assume_the_bootstrap_roles(committing: Template) -> None:
    """The pipeline itself has no permissions on the deployed resources."""
    taken = [resource for action, resource in rights(committing, "CiDeployRole") if action == "sts:AssumeRole"]
    assert len(taken) == 3
    assert all(f"role/cdk-{committing.qualifier}-" in resource for resource in taken)


def test_testing_project_reaches_neither_registry_nor_roles(committing: Template) -> None:
    """It runs unreviewed code, so it can neither push an image nor assume a role."""
    services = {action.partition(":")[0] for action, _ in rights(committing, "CiTestRole")}
    assert services == {"logs", "s3"}


# Releases


def test_release_goes_through_its_first_environment_gate_and_approval_to_production(trial: Template) -> None:
    """Checks first, then the first environment with its gate, approval, production, and last the new baseline of the gate."""
    assert order(trial) == [
        "Source.Source",
        "Verify.Verify",
        *("Trial.Promote", "Trial.Release", "Trial.Gate"),
        "Approve.Approve",
        *("Live.Promote", "Live.Release"),
        "Record.Record",
    ]


def test_tag_starts_a_release_and_releases_wait_for_each_other(trial: Template) -> None:
    """Pushes without a tag do not start one, and no release overtakes another."""
    pipeline = trial.only(PIPELINE)
    (trigger,) = pipeline["Triggers"]
    assert trigger["GitConfiguration"]["Push"] == [{"Tags": {"Includes": ["v*"]}}]
    assert pipeline["ExecutionMode"] == "QUEUED"
    assert pipeline["PipelineType"] == "V2"


def test_release_builds_nothing_and_carries_one_digest(trial: Template) -> None:
    """Every step gets the digest that the first step found."""
    (verify,) = stages(trial)["Verify"]
    digest = f"#{{{verify['Namespace']}.IMAGE_DIGEST}}"
    steps = [
        a for name, actions in stages(trial).items() if name not in ("Source", "Verify", "Approve") for a in actions
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
    (approval,) = stages(trial)["Approve"]
    assert approval["ActionTypeId"]["Provider"] == "Manual"
    assert "IMAGE_DIGEST" in approval["Configuration"]["CustomData"]
    assert approval["TimeoutInMinutes"] == 7 * 24 * 60
    (topic,) = [name for name, r in trial.body["Resources"].items() if r["Type"] == "AWS::SNS::Topic"]
    assert approval["Configuration"]["NotificationArn"] == {"Ref": topic}
    actions = {action for action, _ in rights(trial, "ReleasePipelineRole")}
    assert {"sns:Publish", "kms:GenerateDataKey*", "kms:Decrypt"} <= actions


def test_projects_before_the_approval_cannot_reach_production(trial: Template) -> None:
    """A project assumes the roles of its own environment only; the role of production is used after the approval."""
    taken = {
        role: {resource for action, resource in rights(trial, f"Release{role}Role") if action == "sts:AssumeRole"}
        for role in ("Verify", "Trial", "Live", "Record")
    }
    assert all(taken.values())
    for role, resources in taken.items():
        assert ("livereleaserole" in str(resources)) == (role == "Live")
        assert ("forgereleaserole" in str(resources)) == (role in ("Verify", "Trial"))
    assert len(taken["Live"]) == 1


def test_release_role_trusts_the_release_pipeline_only(line: Mapping[str, Template]) -> None:
    """It trusts the account that its environment's parameter names, and there only the roles of one stack."""
    for name in ("forge", "trial", "live"):
        template = line[f"{name}/Delivery"]
        (trust,) = [
            properties["AssumeRolePolicyDocument"]["Statement"]
            for properties in template.properties("AWS::IAM::Role")
            if properties.get("Description") == "Taken by releases of trial"
        ]
        (statement,) = trust
        assert list(statement["Condition"]) == ["ArnLike"]
        principal = json.dumps(statement["Condition"]["ArnLike"]["aws:PrincipalArn"])
        assert ":role/whisper-trial-Delivery-*" in principal
        assert ("releaseaccount" in json.dumps(statement)) == (name != "trial")


def test_environment_that_builds_lets_a_release_read_only(line: Mapping[str, Template]) -> None:
    """The release role reads images there, but cannot push, deploy or assume another role."""
    actions = {action for action, _ in rights(line["forge/Delivery"], "ReleaseRole")}
    assert {"ecr:BatchGetImage", "ecr:DescribeImages"} <= actions
    assert not actions & {"ecr:PutImage", "sts:AssumeRole", "ecs:RunTask"}


def test_environment_that_receives_lets_a_release_deploy_by_the_bootstrap_roles(
    line: Mapping[str, Template],
) -> None:
    """The release role pushes images, assumes the bootstrap roles, and otherwise only reads."""
    for name in ("trial", "live"):
        allowed = rights(line[f"{name}/Delivery"], "ReleaseRole")
        assert {"ecr:PutImage", "sts:AssumeRole", "ecs:DescribeServices"} <= {action for action, _ in allowed}
        prefix = f"role/cdk-{line[f'{name}/Delivery'].qualifier}-"
        assert all(prefix in resource for action, resource in allowed if action == "sts:AssumeRole")
        changing = [a for a, _ in allowed if a.split(":")[0] not in ("ecr", "sts") and ":Describe" not in a]
        assert not changing


def test_environment_without_releases_has_no_delivery_stack(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Without commits and releases there is neither role nor pipeline."""
    made = synthesize([replace(LIVE, released_by="")], tmp_path_factory.mktemp("alone"))
    assert "live/Delivery" not in made
    assert len(made) == 8


# Both


def test_source_is_named_by_the_account(template: Template) -> None:
    """Connection and repository are parameters of the account; a deployment without them fails and names them."""
    defaults = [str(p.get("Default")).rpartition("/")[2] for p in template.body["Parameters"].values()]
    assert {"source-connection-arn", "source-repository"} <= set(defaults)
    (source,) = stages(template)["Source"]
    # Repository paths of GitLab may have more than two parts, so the template does not split them.
    assert list(source["Configuration"]["FullRepositoryId"]) == ["Ref"]


def test_pipeline_may_use_the_connection_under_both_of_its_names(template: Template) -> None:
    """AWS renamed the service, and the permission that counts depends on the age of the connection."""
    used = {a for s in statements(template) for a in listed(s["Action"]) if a.endswith(":UseConnection")}
    assert used == {"codeconnections:UseConnection", "codestar-connections:UseConnection"}


def test_release_clones_the_repository_and_a_commit_does_not(line: Mapping[str, Template]) -> None:
    """Releases and rollbacks need tags and earlier commits; the tests of a commit do not."""
    formats = {
        name: stages(line[f"{name}/Delivery"])["Source"][0]["Configuration"].get("OutputArtifactFormat")
        for name in ("forge", "trial")
    }
    assert formats == {"forge": None, "trial": "CODEBUILD_CLONE_REF"}


@pytest.mark.parametrize(
    ("name", "kind", "names"), [("forge", "branch", ["trunk"]), ("trial", "tag", [{"wildcard": "v*"}])]
)
def test_codecommit_starts_the_pipeline_with_the_commit_of_the_event(
    codecommit: Mapping[str, Template], name: str, kind: str, names: list[object]
) -> None:
    """Without a connection there are no triggers: an event for the branch or tag passes its commit on."""
    template = codecommit[f"{name}/Delivery"]
    assert "Triggers" not in template.only(PIPELINE)
    (source,) = stages(template)["Source"]
    assert source["ActionTypeId"]["Provider"] == "CodeCommit"
    assert source["Configuration"]["PollForSourceChanges"] is False
    (rule,) = [r for r in template.properties("AWS::Events::Rule") if r["EventPattern"]["source"] == ["aws.codecommit"]]
    assert (rule["EventPattern"]["detail"]["referenceType"], rule["EventPattern"]["detail"]["referenceName"]) == (
        [kind],
        names,
    )
    (target,) = rule["Targets"]
    (revision,) = json.loads(target["InputTransformer"]["InputTemplate"])["sourceRevisions"]
    assert revision == {"actionName": source["Name"], "revisionType": "COMMIT_ID", "revisionValue": "<commit>"}
    assert target["InputTransformer"]["InputPathsMap"] == {"commit": "$.detail.commitId"}
    assert not [a for s in statements(template) for a in listed(s["Action"]) if "UseConnection" in a]


def test_failed_run_is_mailed_with_its_runbook(template: Template) -> None:
    """A person is told without watching the pipeline."""
    (rule,) = [
        r for r in template.properties("AWS::Events::Rule") if r["EventPattern"]["source"] == ["aws.codepipeline"]
    ]
    assert rule["EventPattern"]["detail"]["state"] == ["FAILED"]
    (target,) = rule["Targets"]
    assert template.body["Resources"][target["Arn"]["Ref"]]["Type"] == "AWS::SNS::Topic"
    assert "docs/runbooks/pipeline-failed.md" in target["InputTransformer"]["InputTemplate"]


def test_artifacts_are_private_encrypted_and_short_lived(template: Template) -> None:
    """Copies of the source can be read for a week, in any version."""
    bucket = template.only("AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (5, 1)


def test_builds_are_limited_cached_and_logged(template: Template) -> None:
    """One build of a project at a time, with time limits and a cache of downloads."""
    for properties in template.properties(PROJECT):
        assert properties["ConcurrentBuildLimit"] == 1
        assert properties["TimeoutInMinutes"] <= 240
        assert properties["QueuedTimeoutInMinutes"] == 60
        assert properties["Cache"]["Type"] == "S3"
        assert properties["LogsConfig"]["CloudWatchLogs"]["Status"] == "ENABLED"


def test_project_serves_one_stage(template: Template) -> None:
    """Otherwise runs in different stages would share a project, and exceed its limit of one build."""
    users = [
        (name, action["Configuration"]["ProjectName"]["Ref"])
        for name, actions in stages(template).items()
        for action in actions
        if action["ActionTypeId"]["Provider"] == "CodeBuild"
    ]
    assert len(set(users)) == len({used for _, used in users}) == len(template.properties(PROJECT))


def test_failed_command_fails_the_build(template: Template) -> None:
    """One command per line: the shell may ignore failures before `&&`, `||`, `;` or a pipe."""
    for properties in template.properties(PROJECT):
        lines = commands(properties)
        assert len(lines) > 1
        assert not [line for line in lines if any(sign in line for sign in ("&&", "||", ";", " | "))]


def test_receiving_environment_has_no_pipeline(line: Mapping[str, Template]) -> None:
    """The pipeline of another environment releases to production, which has only a role."""
    kinds = line["live/Delivery"].kinds()
    assert kinds == ["AWS::IAM::Policy", "AWS::IAM::Role", "AWS::SSM::Parameter"]
