"""All that a first deploy needs, checked at any time: `python -m delivery.account doctor [ENVIRONMENT]`."""

from collections.abc import Iterator, Mapping
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from delivery import account_checks, machine, quotas, states
from delivery.account_file import AccountFile
from delivery.assembly import Assembly, synthesized
from delivery.deployed import DeployedEnvironment
from delivery.findings import Finding, State, answered
from delivery.parameters import differences, stored
from delivery.programs import Refused
from stacks.environments import EMULATED, Environment, select


def examine(environment: Environment, environ: Mapping[str, str]) -> list[Finding]:
    """All findings about an environment; without credentials, those of the checks that need none."""
    found = list(without_account(environment, environ))
    assembly = synthesized(environment.name, environ)
    file = AccountFile.read()
    try:
        deployed = DeployedEnvironment.named(environment.name, environ)
    except (Refused, ClientError, BotoCoreError) as error:
        wrong = file.wrong_values(environment.name, assembly.expected)
        found += [Finding(check="parameters", state=State.MISSING, says=str(each)) for each in wrong]
        remedy = "expected credentials of an administrator; without them the account cannot be checked"
        return [*found, Finding(check="credentials", state=State.MISSING, says=f"{error}; {remedy}")]
    return [*found, *of_account(deployed, assembly.within(deployed.account), file)]


def without_account(environment: Environment, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Findings on this machine: tools, repository, the model's lock, and the file of the account's values as such."""
    yield from machine.tools(environment, environ)
    yield from machine.repository(environment, environ)
    yield from machine.lock(environment)
    known = [each.name for each in select(None)]
    for wrong in AccountFile.read().wrong([*known, EMULATED]):
        yield Finding(check="parameters", state=State.MISSING, says=str(wrong))


def of_account(deployed: DeployedEnvironment, assembly: Assembly, file: AccountFile) -> list[Finding]:
    """Findings in the account. Nothing in it is changed."""
    environment = deployed.environment
    says = f"account {deployed.account}, region {environment.region}"
    found = [Finding(check="credentials", state=State.OK, says=says)]
    compared = differences(assembly.expected, file.values(deployed.name), stored(deployed))
    found += account_checks.parameters(deployed.name, file, assembly.expected, compared)
    there = states.all_stacks(deployed)
    for check, ask in (
        ("zones", partial(account_checks.zones, deployed)),
        ("quotas", partial(quotas.check, deployed, select(None), there)),
        ("bootstrap", partial(account_checks.bootstrap, deployed, assembly)),
        ("ECS role", partial(account_checks.linked_role, deployed)),
        ("stacks", partial(states.check, assembly.names, there)),
    ):
        found += answered(check, ask)
    usable = {each.path: each.given or each.stored for each in compared}
    for name, check, look in (
        (account_checks.CONNECTION, "connection", account_checks.connection),
        (account_checks.CERTIFICATE, "certificate", account_checks.certificate),
    ):
        if arn := usable.get(environment.parameter(name)):
            found += answered(check, partial(look, deployed, arn)) if account_checks.is_arn(name, arn) else []
    return found
