"""What stacks hand to each other by SSM parameters instead of references."""

import json
from collections.abc import Iterator, Mapping

from stacks.environments import Environment
from tests.stacks.synthesis import Template

# Nobody publishes these: docs/deploy.md tells the account to.
ACCOUNT = {
    "certificate-arn",
    "alarm-address",
    "source-connection-arn",
    "source-repository",
    "deployer-principal-arn",
    "operator-principal-arn",
    "analyst-principal-arn",
    "release-account",
}
# The pipeline of one environment takes the role that another's stack published, in its account or copied from there.
ROLES = {"stage": {"/whisper/dev/release-role-arn", "/whisper/prod/release-role-arn"}}


def published(template: Template) -> set[str]:
    """The full names that a stack writes."""
    return {parameter["Name"] for parameter in template.properties("AWS::SSM::Parameter")}


def read(template: Template) -> set[str]:
    """The full names that a stack reads at each deploy; the CDK's own is not ours."""
    parameters = template.body.get("Parameters", {}).values()
    values = [p["Default"] for p in parameters if p["Type"] == "AWS::SSM::Parameter::Value<String>"]
    return {value for value in values if "cdk-bootstrap" not in value}


def of(templates: Mapping[str, Template], environment: Environment) -> Iterator[Template]:
    """The stacks of an environment."""
    return (template for name, template in templates.items() if name.startswith(f"{environment.name}/"))


def test_everything_read_is_published_or_the_accounts(
    templates: Mapping[str, Template], environment: Environment
) -> None:
    """A misspelt name is found here, not by a deploy; and nothing is published that nobody reads."""
    written = set().union(*map(published, of(templates, environment)))
    wanted = set().union(*map(read, of(templates, environment)))
    roles = ROLES.get(environment.name, set())
    assert {name for name in written - wanted if name not in ROLES["stage"]} == set()
    assert roles <= wanted
    assert {name.rpartition("/")[2] for name in wanted - written - roles} <= ACCOUNT


def test_reader_is_deployed_after_what_it_reads_is_published(
    templates: Mapping[str, Template], environment: Environment
) -> None:
    """A parameter says nothing of order: each reader depends on the publisher's stack."""
    stacks = list(of(templates, environment))
    artifacts = json.loads(stacks[0].path.with_name("manifest.json").read_text())["artifacts"]
    pairs = [(reader, writer) for reader in stacks for writer in stacks if read(reader) & published(writer)]
    # The gate comes after the registry and the role that runs it.
    assert len(pairs) == (8 if environment.releases else 6)
    for reader, writer in pairs:
        name, needed = (template.path.name.removesuffix(".template.json") for template in (reader, writer))
        assert needed in artifacts[name]["dependencies"]


def test_data_refers_to_nobody(templates: Mapping[str, Template], environment: Environment) -> None:
    """Registry and recordings are deployed first and alone: they read nothing of another stack."""
    for stack in ("Registry", "Recordings"):
        template = templates[f"{environment.name}/{stack}"]
        assert not read(template)
        assert "Fn::GetStackOutput" not in template.path.read_text()
        assert "Fn::ImportValue" not in template.path.read_text()
