"""The quotas of Fargate: read from the account, and compared with all environments that share it.

The emulator has no Service Quotas: botocore's stub answers as its documentation describes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import boto3
import pytest
from botocore.stub import Stubber

from delivery import quotas
from delivery.deployed import DeployedEnvironment
from delivery.findings import Finding, State
from delivery.quotas import ON_DEMAND, SERVICE, SPOT, Need
from stacks.environments import Environment
from tests.stacks.factory import FORGE, LINE, LIVE, REGION, TRIAL

ACCOUNT = "123456789012"
QUOTAS = boto3.client("service-quotas", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def account() -> Iterator[Stubber]:
    """Service Quotas."""
    with Stubber(QUOTAS) as stub:
        yield stub
        stub.assert_no_pending_responses()


def deployed(environment: Environment) -> DeployedEnvironment:
    """An environment in the account."""
    seen = SimpleNamespace(
        name=environment.name,
        environment=environment,
        account=ACCOUNT,
        client=lambda service: {"service-quotas": QUOTAS}[service],
    )
    return cast("DeployedEnvironment", seen)


def applied(account: Stubber, values: Mapping[str, float]) -> None:
    """The quotas that the account has."""
    for code, value in values.items():
        asked = {"ServiceCode": SERVICE, "QuotaCode": code}
        account.add_response("get_service_quota", {"Quota": {**asked, "Value": value}}, asked)


def found(environment: Environment, stacks: set[str]) -> dict[State, list[str]]:
    """The lines of the check, by state."""
    answers: list[Finding] = list(quotas.check(deployed(environment), LINE, stacks))
    return {state: [each.says for each in answers if each.state is state] for state in {each.state for each in answers}}


def test_need_is_what_the_fleets_may_take() -> None:
    """API tasks double during a deployment, workers and relief never exceed theirs, and the gate's task is one more."""
    for always in (0, 2):
        environment = replace(TRIAL, on_demand_workers=always)
        plan = environment.plan
        assert plan.relief_max_tasks
        assert Need.of(environment) == Need(
            name="trial",
            spot=4 * (plan.batch_max_tasks - always),
            on_demand=4 * (2 * plan.api_max_tasks + always + plan.relief_max_tasks + 1),
        )


def test_environment_alone_within_the_quotas_lacks_nothing(account: Stubber) -> None:
    """Environments that are not deployed here do not count."""
    need = Need.of(FORGE)
    applied(account, {SPOT: need.spot, ON_DEMAND: need.on_demand})
    assert found(FORGE, stacks=set()).keys() == {State.OK}


def test_environments_that_share_the_account_are_summed_and_named(account: Stubber) -> None:
    """The line has the quota, its code, both numbers, who takes how much, and the command that asks for more."""
    spot = Need.of(FORGE).spot + Need.of(LIVE).spot
    applied(account, {SPOT: spot - 1, ON_DEMAND: 1000})
    (says,) = found(FORGE, stacks={"whisper-live-Registry"})[State.MISSING]
    assert says == (
        f"Fargate Spot vCPU resource count (L-36FBB829): got {spot - 1:g} in {REGION}, expected {spot:g} or more for"
        f" forge {Need.of(FORGE).spot:g}, live {Need.of(LIVE).spot:g}: aws service-quotas"
        f" request-service-quota-increase --region {REGION} --service-code fargate --quota-code L-36FBB829"
        f" --desired-value {spot:g}"
    )


@pytest.mark.parametrize(
    ("other", "stacks", "shares"),
    [
        (TRIAL, set(), False),
        (TRIAL, {"whisper-trial-Registry"}, True),
        (replace(TRIAL, account=ACCOUNT), set(), True),
        (replace(TRIAL, account="210987654321"), {"whisper-trial-Registry"}, False),
        (replace(TRIAL, region="eu-west-1"), {"whisper-trial-Registry"}, False),
    ],
)
def test_only_environments_of_the_same_account_and_region_share(
    other: Environment,
    stacks: set[str],
    shares: bool,  # noqa: FBT001
) -> None:
    """One counts if it is deployed here, or if its value names the account: quotas are per account and region."""
    assert (other in quotas.sharing(deployed(FORGE), [FORGE, other], stacks)) == shares


def test_account_without_a_quota_of_its_own_has_the_default(account: Stubber) -> None:
    """Service Quotas knows no applied value of a quota that was never changed."""
    for code in (SPOT, ON_DEMAND):
        asked = {"ServiceCode": SERVICE, "QuotaCode": code}
        account.add_client_error("get_service_quota", "NoSuchResourceException", expected_params=asked)
        account.add_response("get_aws_default_service_quota", {"Quota": {**asked, "Value": 6.0}}, asked)
    assert "got 6 in" in found(LIVE, stacks=set())[State.MISSING][0]
