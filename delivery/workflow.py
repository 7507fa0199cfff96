"""What an account needs so that the jobs of a workflow can take roles there."""

from delivery.credentials import AUDIENCE
from delivery.deployed import DeployedEnvironment
from delivery.programs import say
from stacks.environments import Environment, Identity


def identities(environment: Environment) -> set[Identity]:
    """Whose tokens the roles of an environment trust; none if only pipelines of AWS deploy to it."""
    sources = [plan.source for plan in (environment.commits, environment.releases) if plan]
    if environment.released_by:
        sources.append(environment.released_with)
    return {identity for source in sources if (identity := source.identity)}


def make_providers(deployed: DeployedEnvironment) -> None:
    """Register these issuers in the account, which has each once, whatever its environments: no stack can make it."""
    iam = deployed.client("iam")
    there = {
        each["Arn"].partition("/")[2] for each in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    }
    for identity in identities(deployed.environment):
        if identity.issuer not in there:
            # IAM trusts the certificates of these issuers by their authorities, without a thumbprint.
            iam.create_open_id_connect_provider(Url=f"https://{identity.issuer}", ClientIDList=[AUDIENCE])
            say(f"{identity.issuer}: registered, so that jobs of its workflows can take roles here.")
