"""The account's quotas of Fargate, compared with the fleets of the environments that share account and region."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from delivery.deployed import DeployedEnvironment
from delivery.findings import Finding, State
from stacks.environments import Environment

SERVICE = "fargate"
SPOT, ON_DEMAND = "L-36FBB829", "L-3032A538"
NAMES = {SPOT: "Fargate Spot vCPU resource count", ON_DEMAND: "Fargate On-Demand vCPU resource count"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The vCPU that an environment's fleets take at most."""

    name: str
    spot: float
    on_demand: float

    @classmethod
    def of(cls, environment: Environment) -> "Need":
        """From the limits of its fleets: a deployment runs old and new API tasks side by side, but never more workers."""
        plan, vcpus = environment.plan, environment.task_size.cpu / 1024
        old = environment.backfill_fleet.tasks if environment.backfill_fleet else 0
        gate = 1 if environment.releases and environment.releases.gate else 0
        return cls(
            name=environment.name,
            spot=vcpus * (plan.batch_max_tasks - environment.on_demand_workers + old),
            on_demand=vcpus * (2 * plan.api_max_tasks + environment.on_demand_workers + plan.relief_max_tasks + gate),
        )


def sharing(deployed: DeployedEnvironment, known: Iterable[Environment], stacks: Collection[str]) -> list[Environment]:
    """The environments that share account and region with this one, itself included.

    Another one counts if its value names this account, or if its registry is among the stacks that are here.
    """

    def here(other: Environment) -> bool:
        if other.region != deployed.environment.region or other.account not in (None, deployed.account):
            return False
        return other.account is not None or other.stack_name("Registry") in stacks

    return [deployed.environment, *(other for other in known if other.name != deployed.name and here(other))]


def check(deployed: DeployedEnvironment, known: Iterable[Environment], stacks: Collection[str]) -> Iterator[Finding]:
    """Compare both quotas with the sum of the needs of the environments that share them."""
    needs = [Need.of(environment) for environment in sharing(deployed, known, stacks)]
    for code, parts in (
        (SPOT, {need.name: need.spot for need in needs}),
        (ON_DEMAND, {need.name: need.on_demand for need in needs}),
    ):
        region, wanted, quota = deployed.environment.region, sum(parts.values()), _quota(deployed, code)
        told = ", ".join(f"{name} {vcpus:g}" for name, vcpus in parts.items())
        if quota >= wanted:
            says = f"{NAMES[code]}: {quota:g} in {region}, of which {told} at most"
            yield Finding(check="quotas", state=State.OK, says=says)
            continue
        request = (
            f"aws service-quotas request-service-quota-increase --region {region} --service-code {SERVICE}"
            f" --quota-code {code} --desired-value {wanted:g}"
        )
        says = f"{NAMES[code]} ({code}): got {quota:g} in {region}, expected {wanted:g} or more for {told}: {request}"
        yield Finding(check="quotas", state=State.MISSING, says=says)


def _quota(deployed: DeployedEnvironment, code: str) -> float:
    """The quota that applies to the account; AWS's default if the account has none of its own."""
    quotas = deployed.client("service-quotas")
    try:
        answer = quotas.get_service_quota(ServiceCode=SERVICE, QuotaCode=code)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchResourceException":
            raise
        answer = quotas.get_aws_default_service_quota(ServiceCode=SERVICE, QuotaCode=code)
    return float(answer["Quota"]["Value"])
