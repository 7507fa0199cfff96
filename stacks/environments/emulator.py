"""The emulator's environment: the product's own, so that a cloud runs on this machine whatever a fork's values are."""

from aws_cdk.aws_logs import RetentionDays

from service.settings import Settings
from stacks.capacity import Speed, Workload
from stacks.environments.delivery import CommitPlan
from stacks.environments.environment import Environment
from stacks.environments.network import Egress, NetworkPlan
from stacks.environments.tasks import TaskSize

EMULATED = "local"


def emulated() -> Environment:
    """The environment that `local` deploys to the emulator; nothing of it reaches AWS."""
    return Environment(
        name=EMULATED,
        region="eu-west-1",
        network=NetworkPlan(cidr="10.64.48.0/20", egress=Egress.PUBLIC),
        # A fleet of three fits one machine, and the message of a killed worker returns after a minute. At the measured
        # speed one worker would do, and nothing of scaling could be seen.
        speed=Speed.assumed(cpu=2048),
        workload=Workload(
            agents=2, calls_per_agent_per_day=40, talk_minutes_per_call=6, days_per_batch=1, window_hours=12
        ),
        tls=False,
        settings=Settings(max_audio_seconds=600, job_deadline_seconds=1200),
        size=TaskSize(cpu=2048, memory_mib=4096),
        spot_vcpus=64,
        on_demand_vcpus=16,
        log_retention=RetentionDays.ONE_DAY,
        # The emulator has no rules that fetch a base.
        commits=CommitPlan(base=""),
    )
