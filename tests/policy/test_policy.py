"""The policy gate: AwsSolutions on every change; that a gate which finds nothing would have found something."""

from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk import App, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from stacks.environments import Strategy, Weights, environments, select
from stacks.shared.acknowledge import acknowledge, acknowledge_wildcards
from tests.policy.exceptions import EXCEPTIONS
from tests.policy.findings import QUIET, Examination, Finding, Pack, examine, report
from tests.policy.verdict import Accepted, judge


@pytest.fixture(scope="module")
def examination(tmp_path_factory: pytest.TempPathFactory) -> Examination:
    """Every environment as AwsSolutions sees it, and what none of them chooses."""
    (stage,) = select("stage")
    others = [
        replace(stage, name=str(weights), weights=weights, api=replace(stage.api, strategy=Strategy.BLUE_GREEN))
        for weights in (Weights.S3, Weights.EFS)
    ]
    return examine((*environments(), *others), [Pack.AWS_SOLUTIONS], tmp_path_factory.mktemp("policy"))


def test_stacks_have_no_finding_that_is_not_acknowledged(examination: Examination) -> None:
    """What AwsSolutions finds is mended, or acknowledged beside the resource with a reason."""
    assert examination.findings
    assert [finding for finding in examination.findings if not finding.acknowledged] == []


def test_stacks_acknowledge_nothing_that_is_not_found(examination: Examination) -> None:
    """An acknowledgement goes when what it excuses is mended."""
    assert examination.acknowledged.unneeded == []


def test_exceptions_have_reasons_and_leave_aws_solutions_alone() -> None:
    """The table holds the other packs; each entry says why in a sentence."""
    for entries in EXCEPTIONS.values():
        for entry in entries:
            assert entry.packs
            assert Pack.AWS_SOLUTIONS not in entry.packs
            assert len(entry.reason.split()) > 4


FOUND = Finding(pack=Pack.NIST, environment="dev", control="S3Logging", resource="Recordings/Store")
ENTRY = Accepted(packs=(Pack.NIST,), resources=("Recordings/*",), environments=("dev",), reason="it is kept for a test")


def test_finding_without_exception_is_unexpected() -> None:
    """A new finding fails the gate."""
    assert judge([FOUND], {}).unexpected == (FOUND,)
    assert judge([FOUND], {"S3Logging": [ENTRY]}).unexpected == ()


@pytest.mark.parametrize(
    "other",
    [
        Finding(pack=Pack.HIPAA, environment="dev", control="S3Logging", resource="Recordings/Store"),
        Finding(pack=Pack.NIST, environment="prod", control="S3Logging", resource="Recordings/Store"),
        Finding(pack=Pack.NIST, environment="dev", control="S3Encryption", resource="Recordings/Store"),
        Finding(pack=Pack.NIST, environment="dev", control="S3Logging", resource="Delivery/Artifacts"),
    ],
    ids=["pack", "environment", "control", "resource"],
)
def test_exception_excuses_only_what_it_names(other: Finding) -> None:
    """Another pack, environment, control or resource is a finding of its own."""
    assert judge([FOUND, other], {"S3Logging": [ENTRY]}).unexpected == (other,)


def test_exception_without_finding_is_unneeded() -> None:
    """An exception goes when what it excuses is mended, in each place that it names."""
    twice = Accepted(packs=(Pack.NIST,), resources=("Recordings/*",), environments=("dev", "prod"), reason="a test")
    assert judge([FOUND], {"S3Logging": [twice]}).unneeded == ("S3Logging NIST.800.53.R5 Recordings/* prod",)
    assert judge([FOUND], {"S3Logging": [ENTRY]}).unneeded == ()


def test_table_counts_findings_of_each_pack_and_environment() -> None:
    """Found, excepted, unexpected: one row for each pack."""
    other = Finding(pack=Pack.NIST, environment="dev", control="S3Encryption", resource="Recordings/Store")
    *_, row = judge([FOUND, other], {"S3Logging": [ENTRY]}).table([Pack.NIST], ["dev"]).splitlines()
    assert row.split() == ["NIST.800.53.R5", "2", "1", "1"]


def test_acknowledgement_excuses_its_own_finding_only(tmp_path: Path) -> None:
    """One bucket's acknowledged finding is reported as such; its neighbour's is not excused by it."""
    app = App(outdir=str(tmp_path), context=QUIET)
    stack = Stack(Stage(app, "dev"), "Data")
    acknowledge(s3.Bucket(stack, "Known", enforce_ssl=True), rule="S1", reason="a test of the gate")
    acknowledge(s3.Bucket(stack, "Mended", enforce_ssl=True), rule="S2", reason="nothing finds this")
    found = report(app, [Pack.AWS_SOLUTIONS], tmp_path)
    assert {finding.resource: finding.acknowledged for finding in found.findings} == {
        "Data/Known": True,
        "Data/Mended": False,
    }
    assert found.acknowledged.unneeded == ["AwsSolutions::AwsSolutions-S2 at Data/Mended"]


def test_wildcards_are_acknowledged_across_stacks(tmp_path: Path) -> None:
    """A wildcard under another stack's bucket is accepted by the bucket, however the template refers to it."""
    app = App(outdir=str(tmp_path), context=QUIET | {"@aws-cdk/core:defaultCrossStackReferences": "weak"})
    environment = Stage(app, "dev")
    bucket = s3.Bucket(Stack(environment, "Data", stack_name="whisper-dev-Data"), "Bucket", enforce_ssl=True)
    acknowledge(bucket, rule="S1", reason="not this test's matter")
    role = iam.Role(Stack(environment, "Tasks"), "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=["s3:Get*"], resources=[bucket.arn_for_objects("*"), "*"]))
    acknowledge_wildcards(
        role, actions=["s3:Get*"], resources=[bucket.arn_for_objects("*")], reason="every object, one by one"
    )
    found = report(app, [Pack.AWS_SOLUTIONS], tmp_path)
    assert [f.control for f in found.findings if not f.acknowledged] == ["IAM5[Resource::*]"]
    assert found.acknowledged.unneeded == []
