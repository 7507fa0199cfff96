"""Values that stacks hand to each other as SSM parameters instead of references."""

import json
from collections.abc import Iterator, Mapping

from stacks.environments import Environment, parameter_name
from tests.stacks.synthesis import Template

# Parameters that no stack publishes; docs/deploy.md tells the operator to store them.
ACCOUNT = {
    "certificate-arn",
    "alarm-address",
    "source-connection-arn",
    "source-repository",
    "deployer-principal-arn",
    "operator-principal-arn",
    "uploader-principal-arn",
    "analyst-principal-arn",
    "release-account",
    "releaser-principal-arn",
}
# Parameters of `Api`, and of the recordings' rules of CORS, if the API has a name of its own in the account's zone.
ZONE = {"hosted-zone-id", "hosted-zone-name"}
# Parameters of the subscribers of alarms, if an environment has them.
SUBSCRIBERS = {"alarm-endpoint", "slack-workspace-id", "slack-channel-id"} | {
    f"teams-{part}-id" for part in ("team", "tenant", "channel")
}
ROLE = "release-role-arn"


def roles(environment: Environment) -> set[str]:
    """Paths of the roles that a release pipeline assumes: published by the stacks of other environments, in any account."""
    releases = environment.releases
    names = (releases.images_from, *releases.onward) if releases else ()
    return {parameter_name(name, ROLE) for name in names}


def published(template: Template) -> set[str]:
    """Paths of the parameters that a stack writes."""
    return {parameter["Name"] for parameter in template.properties("AWS::SSM::Parameter")}


def read(template: Template) -> set[str]:
    """Paths of the parameters that a stack reads at each deployment, except the CDK's own."""
    parameters = template.body.get("Parameters", {}).values()
    values = [p["Default"] for p in parameters if p["Type"] == "AWS::SSM::Parameter::Value<String>"]
    return {value for value in values if "cdk-bootstrap" not in value}


def of(templates: Mapping[str, Template], environment: Environment) -> Iterator[Template]:
    """The stacks of an environment."""
    return (template for name, template in templates.items() if name.startswith(f"{environment.name}/"))


def test_every_parameter_is_published_by_a_stack_or_stored_by_the_account(
    templates: Mapping[str, Template], environment: Environment
) -> None:
    """A misspelt name fails here instead of in a deployment, and no published parameter is unused."""
    written = set().union(*map(published, of(templates, environment)))
    wanted = set().union(*map(read, of(templates, environment)))
    # The brake writes its state there itself.
    assert written - wanted <= {environment.parameter(name) for name in (ROLE, "brake")}
    assert roles(environment) <= wanted
    assert {name.rpartition("/")[2] for name in wanted - written - roles(environment)} <= ACCOUNT | ZONE | SUBSCRIBERS


def test_reader_is_deployed_after_the_publisher(templates: Mapping[str, Template], environment: Environment) -> None:
    """Parameters imply no order, so each reader depends on the publisher's stack."""
    stacks = list(of(templates, environment))
    artifacts = json.loads(stacks[0].path.with_name("manifest.json").read_text())["artifacts"]
    pairs = [(reader, writer) for reader in stacks for writer in stacks if read(reader) & published(writer)]
    # API, workers, checks and pipelines read the registry's; API, workers, checks, monitoring and people the recordings'; the
    # gate reads the registry's, and the role that runs it; the pipeline of releases reads the roles that it takes; a backfill
    # reads the registry's and the recordings', and people its queues.
    more = {"People": 1, "Delivery": 1, "Releases": 1, "Gate": 2, "Backfill": 2 + environment.people}
    assert len(pairs) == 7 + sum(more[stack] for stack in more if f"{environment.name}/{stack}" in templates)
    for reader, writer in pairs:
        name, needed = (template.path.name.removesuffix(".template.json") for template in (reader, writer))
        assert needed in artifacts[name]["dependencies"]


def test_data_stacks_refer_to_no_other_stack(templates: Mapping[str, Template], environment: Environment) -> None:
    """Registry and recordings can be deployed first and alone: they read values of the account, and none of another stack."""
    for stack in ("Registry", "Recordings"):
        template = templates[f"{environment.name}/{stack}"]
        assert {name.rpartition("/")[2] for name in read(template)} <= ZONE
        assert "Fn::GetStackOutput" not in template.path.read_text()
        assert "Fn::ImportValue" not in template.path.read_text()
