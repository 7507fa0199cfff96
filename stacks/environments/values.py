"""Your environments. This file is yours: the product reads it, and changes it only with a note in the changelog.

dev, stage and prod are the example of a release line, solo that of one person. A new environment is one more value; docs/environments.md explains each field.
"""

from datetime import time

from aws_cdk.aws_logs import RetentionDays

from service.settings import Settings
from stacks.capacity import Workload
from stacks.environments import (
    ApiPlan,
    CommitPlan,
    Egress,
    Environment,
    NetworkPlan,
    OfficeHours,
    ReleasePlan,
)


def environments() -> tuple[Environment, ...]:
    """Every environment, in the order in which tables show them."""
    team = Workload(agents=5, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=1, window_hours=12)
    return (
        Environment(
            name="dev",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.0.0/20", egress=Egress.PUBLIC),
            workload=team,
            tls=False,
            settings=Settings(max_audio_seconds=1800, api_deadline_seconds=900),
            api=ApiPlan(hours=OfficeHours(time_zone="Europe/Paris", start=time(7), end=time(20))),
            spot_vcpus=64,
            on_demand_vcpus=8,
            recording_days=7,
            transcript_days=30,
            log_retention=RetentionDays.ONE_WEEK,
            commits=CommitPlan(),
            released_by="stage",
        ),
        Environment(
            name="stage",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.16.0/20", zones=("a", "b", "c")),
            workload=team,
            settings=Settings(job_deadline_seconds=5400),
            spot_vcpus=64,
            on_demand_vcpus=16,
            recording_days=30,
            transcript_days=90,
            releases=ReleasePlan(images_from="dev", onward=("prod",)),
        ),
        Environment(
            name="prod",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.32.0/20", zones=("a", "b", "c")),
            workload=Workload(
                agents=100,
                calls_per_agent_per_day=40,
                talk_minutes_per_call=6,
                days_per_batch=5,
                window_hours=60,
                api_audio_hours_in_busy_hour=4,
            ),
            production=True,
            settings=Settings(job_deadline_seconds=5400),
            spot_vcpus=64,
            on_demand_vcpus=64,
            api=ApiPlan(min_tasks=2),
            log_retention=RetentionDays.ONE_YEAR,
            released_by="stage",
        ),
        # One account, one person: no pipeline, no certificate, no domain, and no more than a new account's quotas.
        Environment(
            name="solo",
            region="eu-west-1",
            network=NetworkPlan(cidr="10.64.64.0/20", egress=Egress.PUBLIC),
            workload=Workload(
                agents=2, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=1, window_hours=12
            ),
            tls=False,
            settings=Settings(max_audio_seconds=1800, api_deadline_seconds=900),
            spot_vcpus=6,
            on_demand_vcpus=6,
            recording_days=7,
            transcript_days=30,
            log_retention=RetentionDays.ONE_WEEK,
            people=False,
        ),
    )
