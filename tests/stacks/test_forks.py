"""A fork changes the values, and nothing of the product breaks: made in a copy of the project, as a person would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import checkout

# What every change of the values below may use. They are made from the shipped ones, whatever those are by now.
PRELUDE = '''
from dataclasses import replace
from datetime import time
from ipaddress import IPv4Network

from service.settings import Settings
from stacks.capacity import Workload
from stacks.environments import *
from stacks.environments.shipped import environments as shipped

ALONE = {"commits": None, "releases": None, "released_by": ""}


def free(number):
    """The nth network that no shipped environment uses."""
    networks = [f"10.{second}.0.0/20" for second in range(256)]
    taken = [IPv4Network(environment.network.cidr) for environment in shipped()]
    return [n for n in networks if not any(IPv4Network(n).overlaps(other) for other in taken)][number]


def main():
    """The first environment of production, or the first of all."""
    return next((environment for environment in shipped() if environment.production), shipped()[0])


def other(environment):
    """The environment in another network, and part of no release."""
    return replace(environment, name="qa", network=replace(environment.network, cidr=free(0)), **ALONE)
'''

CHANGES = {
    "one is added": """
def environments():
    return (*shipped(), other(shipped()[0]))
""",
    "production grows by half": """
def environments():
    return tuple(
        replace(
            environment,
            workload=replace(environment.workload, agents=3 * environment.workload.agents // 2),
            spot_vcpus=2 * environment.spot_vcpus,
        )
        if environment == main()
        else environment
        for environment in shipped()
    )
""",
    "one moves to another region": """
def environments():
    first, *others = shipped()
    region = "eu-west-3" if first.region != "eu-west-3" else "eu-west-2"
    return (replace(first, region=region), *others)
""",
    "one only": """
def environments():
    return (replace(main(), **ALONE),)
""",
    "six of production": """
def environments():
    return tuple(
        replace(main(), name=f"site{number}", network=replace(main().network, cidr=free(number)), **ALONE)
        for number in range(6)
    )
""",
    "an account for each": """
def environments():
    return tuple(
        replace(environment, account=str(number % 9 + 1) * 12) for number, environment in enumerate(shipped())
    )
""",
    # Nothing was measured on Arm: with the assumed speed a fleet needs larger quotas.
    "Arm everywhere": """
def environments():
    return tuple(
        replace(environment, processor=Processor.ARM64, speed=None, spot_vcpus=1024, on_demand_vcpus=512)
        for environment in shipped()
    )
""",
    "another workload": """
def environments():
    workload = Workload(
        agents=17,
        calls_per_agent_per_day=23.5,
        talk_minutes_per_call=4,
        days_per_batch=2,
        window_hours=30,
        days_per_week=6,
        api_audio_hours_in_busy_hour=1,
    )
    return tuple(
        replace(environment, workload=workload, spot_vcpus=1024, on_demand_vcpus=256) for environment in shipped()
    )
""",
    "no pipeline": """
def environments():
    return tuple(replace(environment, **ALONE) for environment in shipped())
""",
    "no production": """
def environments():
    arm = {"processor": Processor.ARM64, "spot_vcpus": 1024, "on_demand_vcpus": 512}
    return (replace(other(shipped()[0]), production=False, region="us-west-2", **arm),)
""",
    "every choice that is no default": """
def environments():
    base = replace(main(), production=False, spot_vcpus=1024, on_demand_vcpus=256, speed=None, **ALONE)
    return (
        replace(
            base,
            name="north",
            region="eu-north-1",
            network=NetworkPlan(cidr=free(0), zones=("a", "b", "c"), egress=Egress.ENDPOINTS, clients=("192.168.0.0/16",)),
            tls=True,
            weights=Weights.S3,
            api=ApiPlan(keys=False, subdomain="speech", strategy=Strategy.BLUE_GREEN, bake_minutes=0),
            commits=CommitPlan(source=Source.CODECOMMIT, locked_model=False),
            on_demand_workers=1,
            released_by="south",
            released_with=Source.CODECOMMIT,
            cost_centre="another team",
        ),
        replace(
            base,
            name="south",
            region="sa-east-1",
            network=NetworkPlan(cidr=free(1), egress=Egress.NAT),
            tls=True,
            ecs_exec=True,
            weights=Weights.EFS,
            settings=Settings(model="own", language="pt", job_deadline_seconds=14_400, lanes=1),
            api=ApiPlan(
                certificate_arn=f"arn:aws:acm:sa-east-1:{'1' * 12}:certificate/0f0f",
                routing=Routing.WEIGHTED_RANDOM,
                hours=OfficeHours(time_zone="America/Sao_Paulo", start=time(6), end=time(22), days=("SAT", "SUN")),
            ),
            releases=ReleasePlan(images_from="north", gate=False, source=Source.CODECOMMIT),
        ),
        replace(
            base,
            name="east",
            network=ExistingNetwork(
                vpc_id="vpc-0a1b2c3d",
                cidr=free(2),
                zones=("b", "c"),
                private_subnets=("subnet-0a1b2c3d", "subnet-1a1b2c3d"),
                task_addresses=4000,
                clients=("192.168.0.0/16",),
            ),
            cluster="shared",
            tls=True,
            api=ApiPlan(subdomain="speech", issue_certificate=True, web_acl=WebAcl()),
        ),
    )
""",
}
OUTSIDE = ("test_forks.py", "test_matrix.py", "test_properties.py")


def run(folder: Path, *command: str) -> str:
    """What a Python module of a fork says; the test fails with it if the module does."""
    # Without the variables of this test run, one of which names its parallel process.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.mark.verify
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_the_values_breaks_nothing(tmp_path: Path, change: str) -> None:
    """The changes that people make first, and choices that no shipped environment makes: after `make snapshots` all holds."""
    folder = tmp_path / "fork"
    checkout(folder, PRELUDE + CHANGES[change])
    assert "changed    docs/environments.md" in run(folder, "tests.stacks")
    ignored = [f"--ignore=tests/stacks/{path}" for path in OUTSIDE]
    said = run(folder, "pytest", "-q", "-m", "values", "-p", "no:cacheprovider", *ignored, "tests/stacks")
    # Some promises hold for each environment, the emulator's included.
    assert int(re.findall(r"(\d+) passed", said)[0]) > 200
