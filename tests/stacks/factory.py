"""Environments of the tests' own, for promises about a choice: a fork's values change none of them.

`FORGE` builds an image of every commit, `TRIAL` receives and measures a release, and `LIVE` is production: together they
are the line of a release. Take one of them and replace what the promise is about:

    replace(LIVE, api=ApiPlan(strategy=Strategy.BLUE_GREEN))

A promise about every environment takes the fixture `environment` of conftest.py instead.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import time
from typing import Any

from service.settings import Settings
from stacks.capacity import Workload
from stacks.environments import (
    AlarmPlan,
    ApiPlan,
    BackfillPlan,
    BudgetBrake,
    Chat,
    CommitPlan,
    Egress,
    Environment,
    ExistingNetwork,
    NetworkPlan,
    OfficeHours,
    ReleasePlan,
    Source,
    Tag,
    TaskSize,
    TracePlan,
    WatchPlan,
    Writer,
)

REGION = "eu-central-1"
TEAM = Workload(agents=5, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=1, window_hours=12)
WEEK = Workload(
    agents=100,
    calls_per_agent_per_day=40,
    talk_minutes_per_call=6,
    days_per_batch=5,
    window_hours=60,
    api_audio_hours_in_busy_hour=4,
)

# Not measured, and so assumed to be slow: its fleets have many tasks.
MODEL = "small"

FORGE = Environment(
    name="forge",
    region=REGION,
    # The emulator has no NAT gateway.
    network=NetworkPlan(cidr="10.1.0.0/20", egress=Egress.PUBLIC),
    workload=TEAM,
    tls=False,
    settings=Settings(model=MODEL, max_audio_seconds=1800, api_deadline_seconds=900),
    api=ApiPlan(hours=OfficeHours(time_zone="Asia/Tokyo", start=time(8, 30), end=time(17), days=("TUE", "THU"))),
    size=TaskSize(cpu=2048, memory_mib=7168),
    spot_vcpus=256,
    on_demand_vcpus=16,
    recording_days=3,
    transcript_days=4,
    watch=WatchPlan(canary_hours=6, reconcile_hours=1),
    commits=CommitPlan(),
    released_by="trial",
)
TRIAL = Environment(
    name="trial",
    region=REGION,
    network=NetworkPlan(cidr="10.1.16.0/20", egress=Egress.PUBLIC),
    workload=TEAM,
    settings=Settings(model=MODEL, job_deadline_seconds=5400),
    size=TaskSize(cpu=4096, memory_mib=10_240),
    spot_vcpus=256,
    on_demand_vcpus=64,
    releases=ReleasePlan(images_from="forge", onward=("live",)),
)
LIVE = Environment(
    name="live",
    region=REGION,
    network=NetworkPlan(cidr="10.1.32.0/20", egress=Egress.PUBLIC),
    workload=WEEK,
    production=True,
    settings=Settings(model=MODEL, job_deadline_seconds=5400),
    size=TaskSize(cpu=4096, memory_mib=10_240),
    spot_vcpus=1024,
    on_demand_vcpus=256,
    api=ApiPlan(min_tasks=2),
    released_by="trial",
)
LINE = (FORGE, TRIAL, LIVE)
# Production with a brake on its batch fleet, and old recordings beside the new ones.
GUARDED = replace(
    LIVE,
    brake=BudgetBrake(slow_at=1.0, stop_at=1.5),
    backfill=BackfillPlan(audio_hours=20_000, days=30),
    alarms=AlarmPlan(endpoint=True),
)

CLUSTER = "shared-cluster"
# What an environment shares with its account and others: each field with another value than the default.
SHARED: Mapping[str, Any] = {
    "settings": replace(TRIAL.settings, recording_prefixes="connect/,recorder/", recording_suffixes=".wav,.WAV"),
    "customer_key": True,
    "writers": (
        Writer(principal="111122223333", prefix="recorder/"),
        Writer(principal="arn:aws:iam::444455556666:role/Recorder", prefix="connect/"),
    ),
    "alarms": AlarmPlan(endpoint=True, chat=Chat.SLACK),
    "brake": BudgetBrake(slow_at=1.2, stop_at=2.0),
    "backfill": BackfillPlan(audio_hours=500, days=10),
    "traces": TracePlan(endpoint="http://collector.internal:4318"),
    "extra_tags": (Tag(key="owner", value="voice team"), Tag(key="data-class", value="personal")),
}
# A release pipeline in an account that nothing is deployed to.
APART: Mapping[str, Any] = {"releases": ReleasePlan(images_from="forge", onward=("live",), account="777788889999")}


def by_workflow(source: Source) -> Mapping[str, Any]:
    """Commits that a workflow builds, on a base by its digest, and releases that it takes here from there."""
    return {
        "commits": CommitPlan(source=source, base=f"docker/library/python@sha256:{'b' * 64}"),
        "releases": None,
        "released_by": "trial",
        "released_with": source,
    }


def existing_network(egress: Egress) -> ExistingNetwork:
    """A network that someone else has made, with a subnet for tasks and one for the load balancer in each of two zones."""
    tasks = ("subnet-0a0a0a0a0a0a0a0a0", "subnet-0b0b0b0b0b0b0b0b0")
    public = egress is Egress.PUBLIC
    return ExistingNetwork(
        vpc_id="vpc-0123456789abcdef0",
        cidr="10.200.0.0/16",
        zones=("a", "c"),
        private_subnets=() if public else tasks,
        public_subnets=tasks if public else (),
        balancer_subnets=("subnet-0c0c0c0c0c0c0c0c0", "subnet-0d0d0d0d0d0d0d0d0"),
        egress=egress,
        task_addresses=4000,
        clients=("10.200.64.0/18",),
    )
