"""Environments compared with each other: they differ by values only, and production keeps what others delete."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from service.settings import variable
from stacks.environments import Egress, Environment, environments
from tests.stacks.factory import FORGE, LIVE, TRIAL
from tests.stacks.synthesis import KEPT, STACKS, STATEFUL, Template, synthesize

# What an environment saves by public tasks and plain HTTP: a NAT gateway, and the listener that redirects to TLS.
SAVED = {
    "Network": {"AWS::EC2::EIP": 1, "AWS::EC2::NatGateway": 1, "AWS::EC2::Route": 2},
    "Api": {"AWS::ElasticLoadBalancingV2::Listener": 1},
    # On the other hand it builds the images, and has the repositories of that.
    "Registry": {"AWS::ECR::PullThroughCacheRule": -1, "AWS::ECR::Repository": -2, "AWS::SSM::Parameter": -2},
}

# Each environment has other pipelines; the tests of delivery check them.
ALIKE = tuple(stack for stack in STACKS if stack != "Delivery")


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Template]:
    """The environments of the factory's line behind a NAT gateway, but the one that saves."""
    behind = [replace(e, network=replace(e.network, egress=Egress.NAT)) for e in (TRIAL, LIVE)]
    return synthesize([FORGE, *behind], tmp_path_factory.mktemp("private"))


@pytest.mark.parametrize("stack", ALIKE)
def test_environment_before_production_is_made_of_the_same_resources(
    private: Mapping[str, Template], stack: str
) -> None:
    """A release is tried with the resources that run in production: `production` adds and removes none."""
    assert private[f"trial/{stack}"].kinds() == private[f"live/{stack}"].kinds()


@pytest.mark.parametrize("stack", ALIKE)
def test_development_is_made_of_the_same_resources_but_for_savings(private: Mapping[str, Template], stack: str) -> None:
    """It saves the NAT gateway and TLS, and has all other resources."""
    difference = Counter(private[f"live/{stack}"].kinds())
    difference.subtract(private[f"forge/{stack}"].kinds())
    assert {kind: count for kind, count in difference.items() if count} == SAVED.get(stack, {})


def own(templates: Mapping[str, Template], environment: Environment) -> dict[str, Template]:
    """The stacks of one environment."""
    return {name: template for name, template in templates.items() if name.startswith(f"{environment.name}/")}


def test_production_alone_is_protected_from_deletion(
    templates: Mapping[str, Template], environment: Environment
) -> None:
    """A stack of production can be deleted only after its protection is removed."""
    stacks = own(templates, environment)
    manifest = next(iter(stacks.values())).path.with_name("manifest.json").read_text()
    assert manifest.count('"terminationProtection": true') == (len(stacks) if environment.production else 0)


def test_production_keeps_everything_that_holds_data(
    templates: Mapping[str, Template], line: Mapping[str, Template]
) -> None:
    """Recordings, transcripts, access logs, messages and images survive the deletion of its stacks."""
    kept = Counter[str]()
    for environment in (LIVE, *(environment for environment in environments() if environment.production)):
        for name, template in own({**templates, **line}, environment).items():
            for resource in template.body["Resources"].values():
                # The artifacts of a pipeline are copies of the source.
                if resource["Type"] in STATEFUL and not name.endswith("/Delivery"):
                    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == KEPT, name
                    kept[f"{name} {resource['Type']}"] += 1
    assert kept["live/Registry AWS::ECR::Repository"] == 1
    assert kept["live/Recordings AWS::S3::Bucket"] == 3
    assert kept["live/Recordings AWS::SQS::Queue"] == 2


def test_other_environments_leave_nothing_behind(templates: Mapping[str, Template], environment: Environment) -> None:
    """Deleting their stacks deletes all resources, once the buckets are empty, but for the gate's golden recordings."""
    if not environment.production:
        policies = {
            resource.get("DeletionPolicy", "Delete")
            for name, template in own(templates, environment).items()
            if not name.endswith("/Gate")
            for resource in template.body["Resources"].values()
        }
        assert policies == {"Delete"}


def test_api_runs_as_many_tasks_as_the_environment_asks_for(
    templates: Mapping[str, Template], environment: Environment
) -> None:
    """With two or more, there is one in each of two zones."""
    target = templates[f"{environment.name}/Api"].only("AWS::ApplicationAutoScaling::ScalableTarget")
    assert target["MinCapacity"] == environment.api.min_tasks


def test_environments_of_a_release_run_one_model(line: Mapping[str, Template]) -> None:
    """One image goes through all of them, so that all name its model."""
    models = set()
    for name in ("forge", "trial", "live"):
        (container,) = line[f"{name}/Batch"].only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
        models |= {pair["Value"] for pair in container["Environment"] if pair["Name"] == variable("model")}
    assert models == {FORGE.settings.model}
