"""Who may take a role of a release: roles by their exact names, or jobs of a workflow by their exact subjects."""

from collections.abc import Iterable

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.environments import Environment, Identity, releaser_role, step_role
from stacks.shared.handover import published

AUDIENCE = "sts.amazonaws.com"


def roles_of(account: str, names: Iterable[str]) -> iam.IPrincipal:
    """Roles of an account by their names; they may be made later than the role that trusts them."""
    arns = [f"arn:{Aws.PARTITION}:iam::{account}:role/{name}" for name in names]
    return iam.AccountPrincipal(account).with_conditions({"ArnEquals": {"aws:PrincipalArn": arns}})


def jobs(scope: Construct, identity: Identity, subjects: Iterable[str]) -> iam.IPrincipal:
    """Jobs of a workflow, whose tokens the account's provider of that issuer vouches for."""
    provider = Stack.of(scope).format_arn(
        service="iam", region="", resource="oidc-provider", resource_name=identity.issuer
    )
    exact, alike = [s for s in subjects if "*" not in s], [s for s in subjects if "*" in s]
    named = {
        operator: {f"{identity.issuer}:sub": found}
        for operator, found in (("StringEquals", exact), ("StringLike", alike))
        if found
    }
    named.setdefault("StringEquals", {})[f"{identity.issuer}:aud"] = [AUDIENCE]
    return iam.WebIdentityPrincipal(provider, named)


def of_releases(scope: Construct, *, by: str, environment: Environment) -> iam.IPrincipal:
    """Whoever takes the release role of an environment, for the releases of `by`."""
    own, builds = by == environment.name, not environment.images_from
    onward = environment.releases.onward if environment.releases else ()
    # Environments whose releases read images here, or bring them.
    reading = (by,) if builds else (environment.name, *onward)
    if identity := environment.release_source.identity:
        repository = published(scope, path=environment.parameter("source-repository"))
        return jobs(scope, identity, [identity.subject(repository=repository, environment=name) for name in reading])
    account = environment.releases.account if environment.releases else None
    if account is None:
        account = Aws.ACCOUNT_ID if own else published(scope, path=environment.parameter("release-account"))
    stages = ("verify", *reading) if builds or own else reading
    if own and environment.releases and environment.releases.gate:
        stages = (*stages, "record")
    people = () if builds else (releaser_role(by),)
    return roles_of(account, (*(step_role(by, stage) for stage in stages), *people))
