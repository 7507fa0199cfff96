"""Promises of the pipelines: what starts them, what they run, on which machine, and with which rights."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from stacks.environments import CommitPlan, ReleasePlan, Source
from tests.stacks.delivery.resources import PIPELINE, PROJECT, commands, order, project, rights, stages, variables
from tests.stacks.factory import FORGE, TRIAL
from tests.stacks.synthesis import Template, listed, statements, synthesize


@pytest.fixture
def committing(line: Mapping[str, Template]) -> Template:
    """The delivery stack with the pipeline for commits."""
    return line["forge/Delivery"]


@pytest.fixture(params=["forge/Delivery", "trial/Releases"])
def template(line: Mapping[str, Template], request: pytest.FixtureRequest) -> Template:
    """Each stack with a pipeline."""
    return line[request.param]


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


def machine(properties: Mapping[str, Any]) -> tuple[str, bool]:
    """Size of a project's machine, and whether its builds are privileged."""
    return properties["Environment"]["ComputeType"], properties["Environment"]["PrivilegedMode"]


def test_commit_is_tested_then_built_then_deployed(committing: Template) -> None:
    """Each stage starts after the one before has succeeded."""
    assert order(committing) == ["Source.Source", "Test.Test", "Build.Build", "Deploy.Deploy"]
    # A zip file has no permissions, so that a shell is named.
    assert "bash .ci/run check test" in commands(project(committing, stages(committing)["Test"][0]))


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


def test_code_that_no_test_has_seen_is_not_privileged(template: Template) -> None:
    """Only the build of the image is, after the tests: a container engine needs it. It may not deploy."""
    privileged = [p["Source"]["BuildSpec"] for p in template.properties(PROJECT) if p["Environment"]["PrivilegedMode"]]
    assert all("delivery build" in steps for steps in privileged)
    assert len(privileged) == (1 if template.only(PIPELINE)["ExecutionMode"] == "SUPERSEDED" else 0)


def test_machines_have_room_for_what_they_run(committing: Template) -> None:
    """Checking types without a cache takes 3.4 GB: too much for 4 GB with the tests beside it."""
    machines = {
        name: machine(project(committing, actions[0]))
        for name, actions in stages(committing).items()
        if name != "Source"
    }
    assert machines == {
        "Test": ("BUILD_GENERAL1_MEDIUM", False),
        "Build": ("BUILD_GENERAL1_MEDIUM", True),
        "Deploy": ("BUILD_GENERAL1_SMALL", False),
    }


def test_steps_install_no_more_than_they_run(template: Template) -> None:
    """All tools for the tests; the CDK and boto3 for everything else."""
    for properties in template.properties(PROJECT):
        tested = "bash .ci/run check test" in commands(properties)
        install = properties["Source"]["BuildSpec"].partition("install:")[2].partition("build:")[0]
        assert ("make install-delivery" in install) == (not tested)


def test_downloads_of_the_tests_are_read_by_nothing_that_deploys(committing: Template) -> None:
    """A commit that nobody has looked at could leave something there: the cache has a bucket of its own."""
    writers = {
        role
        for role in ("CiTest", "CiBuild", "CiDeploy")
        if any(a.startswith("s3:PutObject") or a == "s3:Put*" for a, _ in rights(committing, f"{role}Role"))
    }
    assert writers == {"CiTest"}
    buckets = {
        role: {r for a, r in rights(committing, f"{role}Role") if a.startswith("s3:")}
        for role in ("CiTest", "CiBuild", "CiDeploy")
    }
    assert any("Downloads" in bucket for bucket in buckets["CiTest"])
    assert not any("Downloads" in bucket for role in ("CiBuild", "CiDeploy") for bucket in buckets[role])
    assert [p["Cache"]["Type"] for p in committing.properties(PROJECT)].count("S3") == 1


def test_no_project_writes_the_source_that_others_run(template: Template) -> None:
    """Artifacts are read by projects, and written by the pipeline alone."""
    for name, resource in template.body["Resources"].items():
        if resource["Type"] != "AWS::IAM::Policy" or "PipelineRole" in name:
            continue
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            if any(action.startswith(("s3:Put", "s3:Delete")) for action in listed(statement["Action"])):
                assert "Artifacts" not in json.dumps(statement["Resource"])


def test_deploying_project_may_only_assume_the_bootstrap_roles(committing: Template) -> None:
    """The pipeline itself has no permissions on the deployed resources."""
    allowed = rights(committing, "CiDeployRole")
    taken = [resource for action, resource in allowed if action == "sts:AssumeRole"]
    assert len(taken) == 3
    assert all(f"role/cdk-{committing.qualifier}-" in resource for resource in taken)
    # It marks the image that runs, so that the registry keeps it, and runs the checks of the stack Watch.
    changing = {
        a
        for a, _ in allowed
        if a.split(":")[0] not in ("logs", "sts")
        and not a.split(":")[1].startswith(("Get", "Describe", "BatchGet", "BatchCheck", "List"))
    }
    assert changing == {"ecr:PutImage", "ecs:RunTask", "ecs:StopTask", "iam:PassRole"}


def test_testing_project_reaches_neither_registry_nor_roles(committing: Template) -> None:
    """It runs unreviewed code, so it can neither push an image nor assume a role."""
    services = {action.partition(":")[0] for action, _ in rights(committing, "CiTestRole")}
    assert services == {"logs", "s3"}


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
        name: stages(line[name])["Source"][0]["Configuration"].get("OutputArtifactFormat")
        for name in ("forge/Delivery", "trial/Releases")
    }
    assert formats == {"forge/Delivery": None, "trial/Releases": "CODEBUILD_CLONE_REF"}


@pytest.mark.parametrize(
    ("name", "kind", "names"),
    [("forge/Delivery", "branch", ["trunk"]), ("trial/Releases", "tag", [{"wildcard": "v*"}])],
)
def test_codecommit_starts_the_pipeline_with_the_commit_of_the_event(
    codecommit: Mapping[str, Template], name: str, kind: str, names: list[object]
) -> None:
    """Without a connection there are no triggers: an event for the branch or tag passes its commit on."""
    template = codecommit[name]
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
    """Copies of the source, and downloads of the tests, can be read for a week, in any version."""
    for bucket in template.properties("AWS::S3::Bucket"):
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]
        (rule,) = bucket["LifecycleConfiguration"]["Rules"]
        assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (5, 1)


def test_builds_are_limited_and_logged(template: Template) -> None:
    """One build of a project at a time, with time limits."""
    for properties in template.properties(PROJECT):
        assert properties["ConcurrentBuildLimit"] == 1
        assert properties["TimeoutInMinutes"] <= 240
        assert properties["QueuedTimeoutInMinutes"] == 60
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
