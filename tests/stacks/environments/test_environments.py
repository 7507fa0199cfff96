"""Environments: valid values, or one line that names the wrong one."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.settings import SettingError, Settings
from stacks.capacity import Speed, Workload
from stacks.environments import (
    ApiPlan,
    CommitPlan,
    Egress,
    Environment,
    InvalidEnvironment,
    NetworkPlan,
    Processor,
    ReleasePlan,
    TaskSize,
    Weights,
    environments,
    select,
)

DEV, STAGE, PROD, LOCAL = environments()
SPEED = Speed(audio_seconds_per_second=1, cpu=2048, source="a benchmark", measured=True)
# Certificates of CloudFront are in this region; load balancers elsewhere cannot use them.
CERTIFICATE = f"arn:aws:acm:us-east-1:{'1' * 12}:certificate/0f0f"


def test_every_environment_but_the_emulators_is_selected_by_default() -> None:
    """Without a name, all environments that are deployed to AWS."""
    assert [environment.name for environment in select(None)] == ["dev", "stage", "prod"]


@pytest.mark.parametrize("name", ["dev", "stage", "prod", "local"])
def test_environment_is_selected_by_name(name: str) -> None:
    """A name narrows to one environment."""
    assert [environment.name for environment in select(name)] == [name]


def test_image_comes_from_the_environment_that_built_or_tested_it() -> None:
    """An image goes from dev through stage to prod; an environment that builds takes none."""
    assert [environment.images_from for environment in environments()] == ["", "dev", "stage", ""]


def test_model_beside_the_image_may_differ_along_a_release() -> None:
    """Weights outside the image may be another model than the builder's."""
    settings = replace(PROD.settings, model="medium")
    assert select("prod", (DEV, STAGE, replace(PROD, weights=Weights.S3, settings=settings)))


def test_new_environment_is_one_more_value() -> None:
    """Another customer or region needs no code, only a value with its own name and addresses."""
    sydney = replace(PROD, name="sydney", region="ap-southeast-2", network=NetworkPlan(cidr="10.65.0.0/20"))
    assert select("sydney", (*environments(), sydney)) == (sydney,)


def test_unknown_name_lists_the_valid_ones() -> None:
    """A typo is answered with the list of environments."""
    with pytest.raises(InvalidEnvironment) as refusal:
        select("staging")
    assert str(refusal.value) == "environment: got 'staging', expected one of dev, stage, prod, local"


REFUSALS: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: replace(DEV, name="Dev"),
        "name: got 'Dev', expected 2 to 12 lower-case letters and digits, a letter first",
    ),
    (lambda: replace(DEV, region="eu-west-9"), "dev.region: got 'eu-west-9', expected one of af-south-1, "),
    (
        lambda: replace(DEV, account="1234"),
        "dev.account: got '1234', expected 12 digits, or None for the account deployed to",
    ),
    (lambda: replace(PROD, tls=False), "prod.tls: got 'False', expected True when production is True"),
    (
        lambda: replace(DEV, max_receives=-1),
        "dev.max_receives: got '-1', expected a whole number, from 1 to 1000",
    ),
    (lambda: replace(DEV, max_receives=1001), "dev.max_receives: got '1001', expected a whole number, from 1 to 1000"),
    (lambda: replace(DEV, recording_days=1.5), "dev.recording_days: got '1.5', expected a whole number, 1 or more"),  # type: ignore[arg-type]
    # A choice is a member of its enumeration: the text `"ARM64"` is refused as `"MIPS"` is.
    (
        lambda: replace(DEV, processor="ARM64"),  # type: ignore[arg-type]
        "dev.processor: got 'ARM64', expected one of Processor.X86_64, Processor.ARM64",
    ),
    (
        lambda: replace(DEV, weights="tape"),  # type: ignore[arg-type]
        "dev.weights: got 'tape', expected one of Weights.IMAGE, Weights.S3, Weights.EFS",
    ),
    (
        lambda: NetworkPlan(cidr="10.0.0.0/20", egress="nat"),  # type: ignore[arg-type]
        "network.egress: got 'nat', expected one of Egress.PUBLIC, Egress.NAT, Egress.ENDPOINTS",
    ),
    (
        lambda: ApiPlan(routing="random"),  # type: ignore[arg-type]
        "api.routing: got 'random', expected one of Routing.LEAST_OUTSTANDING, ",
    ),
    (
        lambda: ApiPlan(strategy="canary"),  # type: ignore[arg-type]
        "api.strategy: got 'canary', expected one of Strategy.ROLLING, Strategy.BLUE_GREEN",
    ),
    (lambda: ApiPlan(min_tasks=1.5), "api.min_tasks: got '1.5', expected a whole number, 1 or more"),  # type: ignore[arg-type]
    (lambda: ApiPlan(headroom=-0.1), "api.headroom: got '-0.1', expected a share from 0 to 9"),
    (lambda: ApiPlan(headroom=math.nan), "api.headroom: got 'nan', expected a share from 0 to 9"),
    (lambda: replace(DEV, recording_days=0), "dev.recording_days: got '0', expected a whole number, 1 or more"),
    (
        lambda: replace(DEV, on_demand_workers=-1),
        f"dev.on_demand_workers: got '-1', expected 0 to {DEV.plan.batch_max_tasks}, the whole batch fleet",
    ),
    (
        lambda: replace(DEV, on_demand_workers=4),
        "dev.on_demand_vcpus: got '8', expected 10 or more for 1 API tasks and on_demand_workers",
    ),
    (
        lambda: replace(PROD, api=replace(PROD.api, keys=False)),
        "prod.api.keys: got 'False', expected True when production is True",
    ),
    (lambda: replace(PROD, ecs_exec=True), "prod.ecs_exec: got 'True', expected False when production is True"),
    (
        lambda: replace(PROD, api=ApiPlan(certificate_arn=CERTIFICATE)),
        f"prod.api.certificate_arn: got '{CERTIFICATE}', expected a certificate of eu-west-1, where the load balancer is",
    ),
    (
        lambda: replace(DEV, api=ApiPlan(certificate_arn=CERTIFICATE)),
        f"dev.api.certificate_arn: got '{CERTIFICATE}', expected none when tls is False",
    ),
    (
        lambda: replace(DEV, processor=Processor.ARM64, speed=SPEED),
        "dev.speed.processor: got 'X86_64', expected ARM64, which a task has",
    ),
    (lambda: replace(DEV, spot_vcpus=-64), "dev.limits.spot_vcpus: got '-64', expected a number above 0"),
    (
        lambda: replace(PROD, workload=replace(PROD.workload, window_hours=2)),
        "prod.workload.window_hours: got '2', expected a longer window: no fleet can finish ",
    ),
    (
        lambda: replace(PROD, spot_vcpus=16),
        "prod.limits.spot_vcpus: got '16', expected ",
    ),
    (
        lambda: replace(DEV, speed=replace(SPEED, cpu=4096)),
        "dev.speed.cpu: got '4096', expected 2048, which a task has",
    ),
    (lambda: replace(DEV, access_log_days=0), "dev.access_log_days: got '0', expected a whole number, 1 or more"),
    (lambda: replace(DEV, cost_centre=""), "dev.cost_centre: got '', expected 1 to 255 letters, digits, spaces and "),
    (
        lambda: replace(DEV, weights=Weights.EFS, settings=replace(DEV.settings, model="/models/small")),
        "dev.settings.model: got '/models/small', expected the name of a folder, because weights is efs",
    ),
    (
        lambda: replace(PROD, network=replace(PROD.network, cidr="10.64.32.0/24")),
        "prod.network.cidr: got '10.64.32.0/24', expected a network with addresses for ",
    ),
    (
        lambda: replace(DEV, settings=replace(DEV.settings, lanes=16)),
        "dev.settings.lanes: got '16', expected at most 8 recordings of max_upload_bytes and max_audio_seconds on ",
    ),
    (
        lambda: replace(DEV, settings=replace(DEV.settings, max_running=64, max_waiting=1000)),
        "dev.settings.max_running: got '64', expected fewer, or fewer max_waiting: ",
    ),
    (lambda: TaskSize(cpu=3000, memory_mib=8192), "size.cpu: got '3000', expected one of 256, 512, 1024, 2048, "),
    (
        lambda: TaskSize(cpu=2048, memory_mib=2048),
        "size.memory_mib: got '2048', expected one of 4096, 5120, 6144, 7168, 8192, 9216, 10240, 11264, 12288, 13312,",
    ),
    (
        lambda: NetworkPlan(cidr="10.0.0.0/8"),
        "network.cidr: got '10.0.0.0/8', expected an IPv4 network from /16 to /24",
    ),
    (
        lambda: NetworkPlan(cidr="10.0.0.1/20"),
        "network.cidr: got '10.0.0.1/20', expected an IPv4 network such as 10.64.0.0/20",
    ),
    (
        lambda: NetworkPlan(cidr="10.0.0.0/20", zones=("a",)),
        "network.zones: got 'a', expected two to four different letters from a to f",
    ),
    (
        lambda: NetworkPlan(cidr="10.0.0.0/20", clients=("10.0.8.0/24",)),
        "network.clients: got '10.0.8.0/24', expected addresses apart from network.cidr 10.0.0.0/20",
    ),
    (
        lambda: NetworkPlan(cidr="10.0.0.0/20", clients=("everywhere",)),
        "network.clients: got 'everywhere', expected an IPv4 network such as 10.64.0.0/20",
    ),
    (
        lambda: NetworkPlan(cidr="10.0.0.0/20", clients=("0.0.0.0/0",)),
        "network.clients: got '0.0.0.0/0', expected addresses apart from network.cidr 10.0.0.0/20",
    ),
    (
        lambda: NetworkPlan(cidr="10.1.0.0/20", client_groups=("office",)),
        "network.client_groups: got 'office', expected security groups such as sg- and 17 hex digits",
    ),
    (
        lambda: select(None, (DEV, replace(STAGE, network=replace(STAGE.network, cidr="10.64.8.0/21")))),
        "stage.network.cidr: got '10.64.8.0/21', expected addresses apart from dev.network.cidr 10.64.0.0/20",
    ),
    (
        lambda: CommitPlan(branch="a branch"),
        "commits.branch: got 'a branch', expected a branch such as main, of letters,",
    ),
    (lambda: ReleasePlan(images_from="dev", branch="v*"), "releases.branch: got 'v*', expected a branch such as main,"),
    (lambda: ReleasePlan(images_from="dev", tags=()), "releases.tags: got '', expected one to 8 patterns"),
    (
        lambda: ReleasePlan(images_from="dev", tags=("v?",)),
        "releases.tags: got 'v?', expected a pattern such as v* of letters, digits, . _ - / and *",
    ),
    (
        lambda: ReleasePlan(images_from="dev", onward=("prod", "dev")),
        "releases.onward: got 'prod, dev', expected different names, dev not",
    ),
    (
        lambda: select(None, (DEV, replace(STAGE, releases=ReleasePlan(images_from="test")))),
        "stage.releases: got 'test', expected one of dev",
    ),
    (
        lambda: select(None, (DEV, replace(STAGE, releases=ReleasePlan(images_from="stage")))),
        "stage.releases: got 'stage', expected one of dev",
    ),
    (
        lambda: select(None, (DEV, STAGE, replace(PROD, released_by=""))),
        "prod.released_by: got '', expected stage, whose releases name prod",
    ),
    (
        lambda: select(None, (replace(DEV, commits=None), STAGE, PROD)),
        "dev.commits: got 'None', expected a plan, since stage takes its images",
    ),
    (
        lambda: select(None, (DEV, STAGE, replace(PROD, processor=Processor.ARM64))),
        "prod.processor: got 'ARM64', expected X86_64, for which dev builds the image",
    ),
    (
        lambda: select(None, (DEV, STAGE, replace(PROD, settings=replace(PROD.settings, model="medium")))),
        "prod.settings.model: got 'medium', expected base, which is in the image of dev",
    ),
    (
        lambda: select(None, (DEV, replace(STAGE, name="dev"))),
        "name: got 'dev, dev', expected a different name for each environment",
    ),
    (
        lambda: replace(DEV, workload=replace(DEV.workload, agents=0)),
        "workload.agents: got '0', expected a whole number, 1 or more",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message.split(":")[0] for _, message in REFUSALS])
def test_value_that_does_not_fit_is_refused_with_field_value_and_expectation(
    make: Callable[[], Any], message: str
) -> None:
    """Each wrong value is refused before anything is synthesized, in one line."""
    with pytest.raises(ValueError, match=r"^[^\n]+$") as refusal:
        make()
    assert str(refusal.value).startswith(message)


def test_setting_that_does_not_fit_is_refused() -> None:
    """The service's settings validate themselves, at synth as in the container."""
    with pytest.raises(SettingError, match="WHISPER_PORT"):
        replace(DEV, settings=Settings(port=0))


def test_environments_cannot_be_changed() -> None:
    """An environment has the same values everywhere."""
    with pytest.raises(AttributeError):
        DEV.name = "prod"  # type: ignore[misc]
    assert not hasattr(DEV, "__dict__")


def test_workload_decides_how_far_the_fleet_grows() -> None:
    """Twice the agents, twice the fleet, in whole tasks: its limit is derived."""
    twice = replace(PROD, workload=replace(PROD.workload, agents=2 * PROD.workload.agents), spot_vcpus=4096)
    assert twice.plan.batch_max_tasks in range(2 * PROD.plan.batch_max_tasks - 1, 2 * PROD.plan.batch_max_tasks + 1)


def test_parameters_are_named_after_the_environment() -> None:
    """All parameters of an environment share one documented prefix."""
    assert PROD.parameter("certificate-arn") == "/whisper/prod/certificate-arn"


def test_environment_needs_keywords() -> None:
    """Every value is given by its name."""
    with pytest.raises(TypeError):
        Environment("dev", "eu-west-1")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Workload(1, 2, 3, 4, 5)  # type: ignore[call-arg]


def test_egress_is_typed() -> None:
    """There are three ways out."""
    assert [str(egress) for egress in Egress] == ["public-egress", "nat", "endpoints"]
