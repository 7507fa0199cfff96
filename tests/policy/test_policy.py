"""The policy gate: AwsSolutions on every change, and tests that the gate detects findings."""

from dataclasses import replace
from pathlib import Path

import pytest
from aws_cdk import App, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from stacks.environments import Egress, NetworkPlan, Strategy, WebAcl, Weights, emulated, environments
from stacks.shared.acknowledge import acknowledge, acknowledge_wildcards
from tests.policy.exceptions import EXCEPTIONS
from tests.policy.findings import QUIET, Examination, Finding, Pack, examine, report
from tests.policy.verdict import Accepted, judge
from tests.stacks.factory import CLUSTER, FORGE, LINE, LIVE, SHARED, TRIAL, existing_network


@pytest.fixture(scope="module")
def examination(tmp_path_factory: pytest.TempPathFactory) -> Examination:
    """The findings of AwsSolutions on every environment, and on choices that none of them makes."""
    others = [
        replace(TRIAL, name=str(weights), weights=weights, api=replace(TRIAL.api, strategy=Strategy.BLUE_GREEN))
        for weights in (Weights.S3, Weights.EFS)
    ]
    others.append(
        replace(
            TRIAL,
            name="guarded",
            network=NetworkPlan(cidr="10.2.0.0/20", egress=Egress.ENDPOINTS),
            api=replace(TRIAL.api, web_acl=WebAcl(), subdomain="speech", issue_certificate=True),
        )
    )
    others.append(replace(TRIAL, name="guest", network=existing_network(Egress.NAT), cluster=CLUSTER))
    others.append(replace(TRIAL, name="shared", **SHARED))
    # The values of a fork may leave a choice out, and an acknowledgement that it needs.
    return examine(
        (*environments(), emulated(), *LINE, *others), [Pack.AWS_SOLUTIONS], tmp_path_factory.mktemp("policy")
    )


def test_stacks_have_no_finding_that_is_not_acknowledged(examination: Examination) -> None:
    """Every finding is fixed, or acknowledged with a reason in the construct."""
    assert examination.findings
    assert [finding for finding in examination.findings if not finding.acknowledged] == []


def test_every_acknowledgement_is_needed(examination: Examination) -> None:
    """An acknowledgement is removed when its finding is fixed."""
    assert examination.acknowledged.unneeded == []


def test_exceptions_have_reasons_and_leave_aws_solutions_alone() -> None:
    """The table contains the other packs only, and each entry has a reason."""
    for entries in EXCEPTIONS.values():
        for entry in entries:
            assert entry.packs
            assert Pack.AWS_SOLUTIONS not in entry.packs
            assert len(entry.reason.split()) > 4


FOUND = Finding(pack=Pack.NIST, environment="forge", control="S3Logging", resource="Recordings/Store")
ENTRY = Accepted(
    packs=(Pack.NIST,),
    resources=("Recordings/*",),
    environments=lambda environment: environment is FORGE,
    reason="needed for a test",
)


def test_finding_without_exception_is_unexpected() -> None:
    """A new finding fails the gate."""
    assert judge([FOUND], {}, LINE).unexpected == (FOUND,)
    assert judge([FOUND], {"S3Logging": [ENTRY]}, LINE).unexpected == ()


@pytest.mark.parametrize(
    "other",
    [
        Finding(pack=Pack.HIPAA, environment="forge", control="S3Logging", resource="Recordings/Store"),
        Finding(pack=Pack.NIST, environment="live", control="S3Logging", resource="Recordings/Store"),
        Finding(pack=Pack.NIST, environment="forge", control="S3Encryption", resource="Recordings/Store"),
        Finding(pack=Pack.NIST, environment="forge", control="S3Logging", resource="Delivery/Artifacts"),
    ],
    ids=["pack", "environment", "control", "resource"],
)
def test_exception_excuses_only_what_it_names(other: Finding) -> None:
    """A finding of another pack, environment, control or resource is not excepted."""
    assert judge([FOUND, other], {"S3Logging": [ENTRY]}, LINE).unexpected == (other,)


def test_exception_without_finding_is_unneeded() -> None:
    """An exception needs a finding in each environment that it names."""
    twice = Accepted(packs=(Pack.NIST,), resources=("Recordings/*",), reason="a test")
    unneeded = judge([FOUND], {"S3Logging": [twice]}, (FORGE, LIVE)).unneeded
    assert unneeded == ("S3Logging NIST.800.53.R5 Recordings/* live",)
    assert judge([FOUND], {"S3Logging": [ENTRY]}, (FORGE, LIVE)).unneeded == ()


def test_table_counts_findings_of_each_pack_and_environment() -> None:
    """The table has one row for each pack: found, excepted, unexpected."""
    other = Finding(pack=Pack.NIST, environment="forge", control="S3Encryption", resource="Recordings/Store")
    *_, row = judge([FOUND, other], {"S3Logging": [ENTRY]}, LINE).table([Pack.NIST], ["forge"]).splitlines()
    assert row.split() == ["NIST.800.53.R5", "2", "1", "1"]


def test_acknowledgement_excuses_its_own_finding_only(tmp_path: Path) -> None:
    """The acknowledged finding of one bucket does not excuse the same finding of another."""
    app = App(outdir=str(tmp_path), context=QUIET)
    stack = Stack(Stage(app, "forge"), "Data")
    acknowledge(s3.Bucket(stack, "Known", enforce_ssl=True), rule="S1", reason="a test of the gate")
    acknowledge(s3.Bucket(stack, "Fixed", enforce_ssl=True), rule="S2", reason="nothing finds this")
    found = report(app, [Pack.AWS_SOLUTIONS], tmp_path)
    assert {finding.resource: finding.acknowledged for finding in found.findings} == {
        "Data/Known": True,
        "Data/Fixed": False,
    }
    assert found.acknowledged.unneeded == ["AwsSolutions::AwsSolutions-S2 at Data/Fixed"]


def test_wildcards_are_acknowledged_across_stacks(tmp_path: Path) -> None:
    """A wildcard below another stack's bucket is accepted by the bucket, with any kind of reference."""
    app = App(outdir=str(tmp_path), context=QUIET | {"@aws-cdk/core:defaultCrossStackReferences": "weak"})
    environment = Stage(app, "forge")
    bucket = s3.Bucket(Stack(environment, "Data", stack_name="whisper-forge-Data"), "Bucket", enforce_ssl=True)
    acknowledge(bucket, rule="S1", reason="not this test's matter")
    role = iam.Role(Stack(environment, "Tasks"), "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    role.add_to_policy(iam.PolicyStatement(actions=["s3:Get*"], resources=[bucket.arn_for_objects("*"), "*"]))
    acknowledge_wildcards(
        role, actions=["s3:Get*"], resources=[bucket.arn_for_objects("*")], reason="every object, one by one"
    )
    found = report(app, [Pack.AWS_SOLUTIONS], tmp_path)
    assert [f.control for f in found.findings if not f.acknowledged] == ["IAM5[Resource::*]"]
    assert found.acknowledged.unneeded == []
