"""Any valid environment synthesizes and keeps the promises; any invalid one is refused by field and value."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from service.settings import Settings
from stacks.capacity import FARGATE_MEMORY_MIB, Workload
from stacks.environments import (
    EMULATED,
    LEAST_DAYS,
    ApiPlan,
    CommitPlan,
    Egress,
    Environment,
    ExistingNetwork,
    NetworkPlan,
    Processor,
    ReleasePlan,
    Routing,
    Source,
    Strategy,
    TaskSize,
    WebAcl,
    Weights,
    select,
)
from stacks.environments.network import ZONES
from stacks.environments.regions import regions
from tests.stacks.factory import TRIAL, existing_network
from tests.stacks.promises import PROMISES
from tests.stacks.synthesis import synthesize

NAMES = st.from_regex(r"[a-z][a-z0-9]{1,11}", fullmatch=True).filter(lambda name: name != EMULATED)
# The same examples on every run, so that a failure can be reproduced.
STEADY = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def networks(draw: st.DrawFn) -> NetworkPlan:
    """Networks with room for every workload below."""
    return NetworkPlan(
        cidr=f"10.{draw(st.integers(0, 255))}.0.0/{draw(st.integers(16, 18))}",
        zones=tuple(sorted(draw(st.sets(st.sampled_from(sorted(ZONES)), min_size=2, max_size=4)))),
        egress=draw(st.sampled_from(Egress)),
        clients=tuple(draw(st.lists(st.sampled_from(["192.168.0.0/16", "172.16.0.0/12"]), unique=True))),
    )


@st.composite
def existing_networks(draw: st.DrawFn) -> ExistingNetwork:
    """Networks of others, with room for every workload below."""
    zones = tuple(sorted(draw(st.sets(st.sampled_from(sorted(ZONES)), min_size=2, max_size=4))))
    tasks, balancers = (tuple(f"subnet-{kind}{number:016x}" for number in range(len(zones))) for kind in "ab")
    public = (egress := draw(st.sampled_from(Egress))) is Egress.PUBLIC
    return ExistingNetwork(
        vpc_id=f"vpc-{draw(st.integers(0, 16**8 - 1)):08x}",
        cidr=f"10.{draw(st.integers(0, 255))}.0.0/16",
        zones=zones,
        private_subnets=() if public else tasks,
        public_subnets=tasks if public else (),
        balancer_subnets=draw(st.sampled_from([(), tasks, balancers])),
        egress=egress,
        task_addresses=2**15,
        clients=("192.168.0.0/16",),
        client_groups=draw(st.sampled_from([(), ("sg-01234567",)])),
    )


@st.composite
def apis(draw: st.DrawFn) -> ApiPlan:
    """API plans, with a slow start only if the routing has one."""
    routing = draw(st.sampled_from(Routing))
    slow = st.just(0) | st.integers(30, 900) if routing is Routing.ROUND_ROBIN else st.just(0)
    return ApiPlan(
        min_tasks=draw(st.integers(1, 4)),
        headroom=draw(st.floats(0, 1)),
        routing=routing,
        slow_start_seconds=draw(slow),
        web_acl=draw(st.none() | st.builds(WebAcl, requests_per_minute=st.integers(10, 10_000))),
        strategy=draw(st.sampled_from(Strategy)),
        # For longer, a deployment would outlast its pipeline.
        bake_minutes=draw(st.integers(0, 15)),
    )


@st.composite
def environments(draw: st.DrawFn) -> Environment:
    """Valid environments."""
    cpu = draw(st.sampled_from([2048, 4096, 8192]))
    days = draw(st.integers(1, 5))
    production = draw(st.booleans())
    return Environment(
        name=draw(NAMES),
        region=draw(st.sampled_from(regions())),
        network=draw(networks() | existing_networks()),
        workload=Workload(
            agents=draw(st.integers(1, 50)),
            calls_per_agent_per_day=draw(st.integers(1, 60)),
            talk_minutes_per_call=draw(st.integers(1, 10)),
            days_per_batch=days,
            window_hours=draw(st.integers(12 * days, 24 * days)),
            api_audio_hours_in_busy_hour=draw(st.integers(0, 5)),
        ),
        account=draw(st.none() | st.from_regex(r"[0-9]{12}", fullmatch=True)),
        production=production,
        tls=production or draw(st.booleans()),
        settings=Settings(max_audio_seconds=1800, job_deadline_seconds=5400),
        api=draw(apis()),
        size=draw(
            st.none() | st.builds(TaskSize, cpu=st.just(cpu), memory_mib=st.sampled_from(FARGATE_MEMORY_MIB[cpu]))
        ),
        processor=draw(st.sampled_from(Processor)),
        spot_vcpus=8192,
        on_demand_vcpus=2048,
        weights=draw(st.sampled_from(Weights)),
        cluster=draw(st.sampled_from(["", "shared"])),
        max_receives=draw(st.integers(1, 100)),
        recording_days=draw(st.integers(LEAST_DAYS, 3650)),
        transcript_days=draw(st.integers(LEAST_DAYS, 3650)),
        images_kept=draw(st.integers(1, 100)),
        commits=draw(st.none() | st.builds(CommitPlan, source=st.sampled_from(Source), locked_model=st.booleans())),
        released_by=draw(st.sampled_from(["", "elsewhere"])),
    )


@settings(STEADY, max_examples=100)
@given(environment=environments())
def test_any_valid_environment_is_accepted_with_a_plan(environment: Environment) -> None:
    """Every combination of valid values has a fleet that finishes in time, and addresses for its tasks."""
    plan = environment.plan
    assert plan.hours_to_finish <= environment.workload.window_hours
    assert plan.batch_max_tasks + plan.api_max_tasks <= environment.network.task_addresses
    assert select(environment.name, (environment,)) == (environment,)


# Without shrinking: an example takes seconds, and its failure names the promise.
@settings(STEADY, max_examples=3, phases=[Phase.generate])
@given(environment=environments())
def test_any_valid_environment_synthesizes_and_keeps_its_promises(environment: Environment) -> None:
    """No valid combination fails later in a stack, in any region."""
    with tempfile.TemporaryDirectory() as folder:
        templates = synthesize([environment], Path(folder))
        stacks = {name.removeprefix(f"{environment.name}/"): template for name, template in templates.items()}
        for promise in PROMISES:
            promise(environment, stacks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """Values that a field must not have, and the function that sets one."""

    values: st.SearchStrategy[Any]
    put: Callable[[Environment, Any], object]
    # Error messages put the environment's name before its own fields, but not before those of its parts.
    prefixed: bool = True


def text_but(pattern: str) -> st.SearchStrategy[str]:
    """Text on one line that a pattern does not match, among it digits of another script, which Unicode patterns match."""
    other = re.compile(pattern, re.ASCII)
    return (st.text(max_size=30) | st.just("\u0661" * 12)).filter(
        lambda text: not other.fullmatch(text) and len(text.splitlines()) < 2
    )


def whole_below(least: int) -> st.SearchStrategy[int]:
    """Whole numbers below the least that is allowed."""
    return st.integers(max_value=least - 1)


def own(name: str) -> Callable[[Environment, Any], object]:
    """Replaces one of the environment's own fields."""
    return lambda environment, value: replace(environment, **{name: value})


WRONG: dict[str, Wrong] = {
    "name": Wrong(values=text_but(r"[a-z][a-z0-9]{1,11}"), put=own("name"), prefixed=False),
    "region": Wrong(values=text_but("|".join(regions())), put=own("region")),
    "account": Wrong(values=text_but(r"\d{12}"), put=own("account")),
    "cost_centre": Wrong(values=text_but(r"[\w .:/=+@-]+"), put=own("cost_centre")),
    "max_receives": Wrong(values=whole_below(1) | st.integers(min_value=1001), put=own("max_receives")),
    "recording_days": Wrong(values=whole_below(LEAST_DAYS), put=own("recording_days")),
    "transcript_days": Wrong(values=whole_below(LEAST_DAYS), put=own("transcript_days")),
    "access_log_days": Wrong(values=whole_below(LEAST_DAYS) | st.floats(), put=own("access_log_days")),
    "images_kept": Wrong(values=whole_below(1), put=own("images_kept")),
    "processor": Wrong(values=st.sampled_from([*map(str, Processor)]) | text_but(""), put=own("processor")),
    "weights": Wrong(values=st.sampled_from([*map(str, Weights)]) | text_but(""), put=own("weights")),
    "tls": Wrong(values=st.sampled_from([False]), put=lambda e, value: replace(e, production=True, tls=value)),
    "size.cpu": Wrong(
        values=st.integers().filter(lambda cpu: cpu not in FARGATE_MEMORY_MIB),
        put=lambda e, value: replace(e.task_size, cpu=value),
        prefixed=False,
    ),
    "size.memory_mib": Wrong(
        values=st.integers().filter(lambda mib: mib not in {m for s in FARGATE_MEMORY_MIB.values() for m in s}),
        put=lambda e, value: replace(e.task_size, memory_mib=value),
        prefixed=False,
    ),
    "network.cidr": Wrong(
        values=text_but(r"[\d./]+") | st.integers(25, 32).map(lambda n: f"10.0.0.0/{n}"),
        put=lambda e, value: replace(e.network, cidr=value),
        prefixed=False,
    ),
    "network.vpc_id": Wrong(
        values=text_but(r"vpc-([0-9a-f]{8}|[0-9a-f]{17})"),
        put=lambda _, value: replace(existing_network(Egress.NAT), vpc_id=value),
        prefixed=False,
    ),
    "cluster": Wrong(values=text_but(r"[\w-]{0,255}"), put=own("cluster")),
    "api.web_acl.requests_per_minute": Wrong(
        values=whole_below(10), put=lambda _, value: WebAcl(requests_per_minute=value), prefixed=False
    ),
    "api.min_tasks": Wrong(values=whole_below(1), put=lambda e, value: replace(e.api, min_tasks=value), prefixed=False),
    "api.headroom": Wrong(
        values=st.floats(max_value=0, exclude_max=True) | st.floats(min_value=9, exclude_min=True),
        put=lambda e, value: replace(e.api, headroom=value),
        prefixed=False,
    ),
    "api.bake_minutes": Wrong(
        values=whole_below(0) | st.integers(min_value=1441),
        put=lambda e, value: replace(e.api, bake_minutes=value),
        prefixed=False,
    ),
    "api.slow_start_seconds": Wrong(
        values=st.integers(30, 900),
        put=lambda e, value: replace(e.api, routing=Routing.LEAST_OUTSTANDING, slow_start_seconds=value),
        prefixed=False,
    ),
    "commits.branch": Wrong(
        values=text_but(r"\w[\w./-]{0,249}"), put=lambda _, value: CommitPlan(branch=value), prefixed=False
    ),
    "releases.tags": Wrong(
        values=text_but(r"[\w.*-][\w./*-]{0,126}"),
        put=lambda _, value: ReleasePlan(images_from="forge", tags=(value,)),
        prefixed=False,
    ),
    "workload.agents": Wrong(
        values=whole_below(1), put=lambda e, value: replace(e.workload, agents=value), prefixed=False
    ),
    "workload.days_per_week": Wrong(
        values=whole_below(1) | st.integers(min_value=8),
        put=lambda e, value: replace(e.workload, days_per_week=value),
        prefixed=False,
    ),
}


@pytest.mark.parametrize("field", WRONG)
@settings(STEADY, max_examples=25)
@given(data=st.data())
def test_any_wrong_value_is_refused_by_its_field_and_value(field: str, data: st.DataObject) -> None:
    """One line names the field, the value and the expectation."""
    environment = TRIAL
    wrong = WRONG[field]
    value = data.draw(wrong.values)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as refusal:
        wrong.put(environment, value)
    name = f"{environment.name}.{field}" if wrong.prefixed else field
    got = f"{name}: got {str(value)!r}, expected "
    assert str(refusal.value).startswith(got)
    assert len(str(refusal.value)) > len(got)
