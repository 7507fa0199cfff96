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
    Source,
    TaskSize,
    Weights,
    emulated,
    select,
)
from tests.stacks.factory import FORGE, LINE, LIVE, REGION, TRIAL

SPEED = Speed(audio_seconds_per_second=1, cpu=2048, source="a benchmark", measured=True)
# Certificates of CloudFront are in this region; load balancers elsewhere cannot use them.
CERTIFICATE = f"arn:aws:acm:us-east-1:{'1' * 12}:certificate/0f0f"


def test_every_environment_but_the_emulators_is_selected_by_default() -> None:
    """Without a name, all environments that are deployed to AWS."""
    assert select(None, LINE) == LINE


@pytest.mark.parametrize("environment", LINE, ids=lambda environment: environment.name)
def test_environment_is_selected_by_name(environment: Environment) -> None:
    """A name narrows to one environment."""
    assert select(environment.name, LINE) == (environment,)


def test_emulators_environment_is_there_whatever_the_values_are() -> None:
    """It is the product's own: neither its name nor its addresses are a fork's concern."""
    crowded = replace(FORGE, network=replace(FORGE.network, cidr=emulated().network.cidr), released_by="")
    assert select(emulated().name, (crowded,)) == (emulated(),)
    assert select(None, (crowded,)) == (crowded,)


def test_image_comes_from_the_environment_that_built_or_tested_it() -> None:
    """An image goes along the line of a release; an environment that builds takes none."""
    assert [environment.images_from for environment in LINE] == ["", "forge", "trial"]


def test_model_beside_the_image_may_differ_along_a_release() -> None:
    """Weights outside the image may be another model than the builder's."""
    settings = replace(LIVE.settings, model="medium")
    assert select("live", (FORGE, TRIAL, replace(LIVE, weights=Weights.S3, settings=settings, size=None)))


def test_new_environment_is_one_more_value() -> None:
    """Another customer or region needs no code, only a value with its own name and addresses."""
    sydney = replace(LIVE, name="sydney", region="ap-southeast-2", network=NetworkPlan(cidr="10.65.0.0/20"))
    assert select("sydney", (*LINE, sydney)) == (sydney,)


def test_unknown_name_lists_the_valid_ones() -> None:
    """A typo is answered with the list of environments."""
    with pytest.raises(InvalidEnvironment) as refusal:
        select("nowhere", LINE)
    assert str(refusal.value) == "environment: got 'nowhere', expected one of forge, trial, live, local"


REFUSALS: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: replace(FORGE, name="Forge"),
        "name: got 'Forge', expected 2 to 12 lower-case letters and digits, a letter first",
    ),
    (lambda: replace(FORGE, region="eu-west-9"), "forge.region: got 'eu-west-9', expected one of af-south-1, "),
    (
        lambda: replace(FORGE, account="1234"),
        "forge.account: got '1234', expected 12 digits, or None for the account deployed to",
    ),
    (lambda: replace(LIVE, tls=False), "live.tls: got 'False', expected True when production is True"),
    (
        lambda: replace(FORGE, max_receives=-1),
        "forge.max_receives: got '-1', expected a whole number, from 1 to 1000",
    ),
    (
        lambda: replace(FORGE, max_receives=1001),
        "forge.max_receives: got '1001', expected a whole number, from 1 to 1000",
    ),
    (lambda: replace(FORGE, recording_days=1.5), "forge.recording_days: got '1.5', expected a whole number"),  # type: ignore[arg-type]
    # A choice is a member of its enumeration: the text `"ARM64"` is refused as `"MIPS"` is.
    (
        lambda: replace(FORGE, processor="ARM64"),  # type: ignore[arg-type]
        "forge.processor: got 'ARM64', expected one of Processor.X86_64, Processor.ARM64",
    ),
    (
        lambda: replace(FORGE, weights="tape"),  # type: ignore[arg-type]
        "forge.weights: got 'tape', expected one of Weights.IMAGE, Weights.S3, Weights.EFS",
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
    (lambda: ApiPlan(min_tasks=1.5), "api.min_tasks: got '1.5', expected a whole number"),  # type: ignore[arg-type]
    (lambda: ApiPlan(headroom=-0.1), "api.headroom: got '-0.1', expected a share from 0 to 9"),
    (lambda: ApiPlan(headroom=math.nan), "api.headroom: got 'nan', expected a share from 0 to 9"),
    (lambda: replace(FORGE, recording_days=2), "forge.recording_days: got '2', expected a whole number, 3 or more"),
    (
        lambda: replace(FORGE, on_demand_workers=-1),
        "forge.on_demand_workers: got '-1', expected a whole number, 0 or more",
    ),
    (
        lambda: replace(FORGE, on_demand_workers=FORGE.plan.batch_max_tasks + 1, on_demand_vcpus=64),
        f"forge.on_demand_workers: got '{FORGE.plan.batch_max_tasks + 1}', expected 0 to {FORGE.plan.batch_max_tasks}, ",
    ),
    (
        lambda: replace(FORGE, on_demand_vcpus=4),
        "forge.on_demand_vcpus: got '4', expected 14 or more: a deploy of the API, on_demand_workers, and 5 tasks that",
    ),
    (
        lambda: replace(FORGE, on_demand_vcpus=4, on_demand_workers=3, relief=False),
        "forge.on_demand_vcpus: got '4', expected 8 or more for 1 API tasks and on_demand_workers",
    ),
    (
        lambda: replace(LIVE, api=replace(LIVE.api, keys=False)),
        "live.api.keys: got 'False', expected True when production is True",
    ),
    (lambda: replace(LIVE, ecs_exec=True), "live.ecs_exec: got 'True', expected False when production is True"),
    (
        lambda: replace(LIVE, api=ApiPlan(certificate_arn=CERTIFICATE)),
        f"live.api.certificate_arn: got '{CERTIFICATE}', expected a certificate of {REGION}, where the load balancer is",
    ),
    (
        lambda: replace(FORGE, api=ApiPlan(certificate_arn=CERTIFICATE)),
        f"forge.api.certificate_arn: got '{CERTIFICATE}', expected none when tls is False",
    ),
    (
        lambda: replace(FORGE, processor=Processor.ARM64, speed=SPEED),
        "forge.speed.processor: got 'X86_64', expected ARM64, which a task has",
    ),
    (lambda: replace(FORGE, spot_vcpus=-64), "forge.spot_vcpus: got '-64', expected a number above 0"),
    (
        lambda: replace(LIVE, workload=replace(LIVE.workload, window_hours=2)),
        "live.workload.window_hours: got '2', expected a longer window: no fleet can finish ",
    ),
    (
        lambda: replace(LIVE, spot_vcpus=16),
        "live.spot_vcpus: got '16', expected ",
    ),
    (
        lambda: replace(FORGE, speed=replace(SPEED, cpu=4096)),
        "forge.speed.cpu: got '4096', expected 2048, which a task has",
    ),
    (lambda: replace(FORGE, access_log_days=0), "forge.access_log_days: got '0', expected a whole number, 3 or more"),
    (
        lambda: replace(FORGE, cost_centre=""),
        "forge.cost_centre: got '', expected 1 to 255 letters, digits, spaces and ",
    ),
    (
        lambda: replace(FORGE, weights=Weights.EFS, settings=replace(FORGE.settings, model="/models/small")),
        "forge.settings.model: got '/models/small', expected the name of a folder, because weights is efs",
    ),
    (
        lambda: replace(LIVE, network=replace(LIVE.network, cidr="10.1.32.0/24")),
        "live.network.cidr: got '10.1.32.0/24', expected a network with addresses for ",
    ),
    (
        lambda: replace(FORGE, settings=replace(FORGE.settings, max_running=64, max_waiting=1000)),
        "forge.settings.max_running: got '64', expected fewer, or fewer max_waiting: ",
    ),
    (
        lambda: replace(FORGE, size=TaskSize(cpu=2048, memory_mib=4096)),
        "forge.size.memory_mib: got '4096', expected 6145 or more, or a smaller batch_size: small needs 6144 MB (",
    ),
    (
        lambda: replace(FORGE, size=None, settings=replace(FORGE.settings, model="large-v3", batch_size=64)),
        "forge.size: got 'None', expected a model and settings that a task can hold, and the longest call in the job ",
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
        lambda: select(None, (FORGE, replace(TRIAL, network=replace(TRIAL.network, cidr="10.1.8.0/21")))),
        "trial.network.cidr: got '10.1.8.0/21', expected addresses apart from forge.network.cidr 10.1.0.0/20",
    ),
    (
        lambda: CommitPlan(branch="a branch"),
        "commits.branch: got 'a branch', expected a branch such as main, of letters,",
    ),
    (
        lambda: ReleasePlan(images_from="forge", branch="v*"),
        "releases.branch: got 'v*', expected a branch such as main,",
    ),
    (lambda: ReleasePlan(images_from="forge", tags=()), "releases.tags: got '', expected one to 8 patterns"),
    (
        lambda: ReleasePlan(images_from="forge", tags=("v?",)),
        "releases.tags: got 'v?', expected a pattern such as v* of letters, digits, . _ - / and *",
    ),
    (
        lambda: ReleasePlan(images_from="forge", onward=("live", "forge")),
        "releases.onward: got 'live, forge', expected different names, forge not",
    ),
    (
        lambda: select(None, (FORGE, replace(TRIAL, releases=ReleasePlan(images_from="test")))),
        "trial.releases: got 'test', expected one of forge",
    ),
    (
        lambda: select(None, (FORGE, replace(TRIAL, releases=ReleasePlan(images_from="trial")))),
        "trial.releases: got 'trial', expected one of forge",
    ),
    (
        lambda: select(None, (FORGE, TRIAL, replace(LIVE, released_by=""))),
        "live.released_by: got '', expected trial, whose releases name live",
    ),
    (
        lambda: select(None, (replace(FORGE, commits=None), TRIAL, LIVE)),
        "forge.commits: got 'None', expected a plan, since trial takes its images",
    ),
    (
        lambda: ReleasePlan(images_from="forge", account="production"),
        "releases.account: got 'production', expected 12 digits, or None for this environment's own",
    ),
    (
        lambda: ReleasePlan(images_from="forge", account="1" * 12, source=Source.GITHUB),
        "releases.account: got '111111111111', expected None when source is github",
    ),
    (
        lambda: ReleasePlan(images_from="forge", tags=("r*",), source=Source.GITLAB),
        "releases.tags: got 'r*', expected v* when source is gitlab",
    ),
    (
        lambda: select(
            None,
            (
                FORGE,
                replace(TRIAL, releases=ReleasePlan(images_from="forge", onward=("live",), account="1" * 12)),
                replace(LIVE, account="1" * 12),
            ),
        ),
        "trial.releases.account: got '111111111111', expected an account that neither trial nor live is deployed to",
    ),
    (
        lambda: select(None, (FORGE, TRIAL, replace(LIVE, processor=Processor.ARM64))),
        "live.processor: got 'ARM64', expected X86_64, for which forge builds the image",
    ),
    (
        lambda: select(None, (FORGE, TRIAL, replace(LIVE, settings=replace(LIVE.settings, model="medium"), size=None))),
        "live.settings.model: got 'medium', expected small, which is in the image of forge",
    ),
    (
        lambda: select(None, (FORGE, replace(TRIAL, name="forge"))),
        "name: got 'forge, forge', expected a different name for each environment",
    ),
    (
        lambda: replace(FORGE, workload=replace(FORGE.workload, agents=0)),
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
        replace(FORGE, settings=Settings(port=0))


def test_environments_cannot_be_changed() -> None:
    """An environment has the same values everywhere."""
    with pytest.raises(AttributeError):
        FORGE.name = "live"  # type: ignore[misc]
    assert not hasattr(FORGE, "__dict__")


def test_workload_decides_how_far_the_fleet_grows() -> None:
    """Twice the agents, twice the fleet, in whole tasks: its limit is derived."""
    more = replace(LIVE.workload, agents=2 * LIVE.workload.agents)
    twice = replace(LIVE, workload=more, spot_vcpus=4096, on_demand_vcpus=1024)
    assert twice.plan.batch_max_tasks in range(2 * LIVE.plan.batch_max_tasks - 1, 2 * LIVE.plan.batch_max_tasks + 1)


def test_parameters_are_named_after_the_environment() -> None:
    """All parameters of an environment share one documented prefix."""
    assert LIVE.parameter("certificate-arn") == "/whisper/live/certificate-arn"


def test_environment_needs_keywords() -> None:
    """Every value is given by its name."""
    with pytest.raises(TypeError):
        Environment("forge", REGION)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Workload(1, 2, 3, 4, 5)  # type: ignore[call-arg]


def test_egress_is_typed() -> None:
    """There are three ways out."""
    assert [str(egress) for egress in Egress] == ["public-egress", "nat", "endpoints"]
